"""Pictures of a data set: checked, turned upright, freed of where they were taken, and stored by their content.

Everything here decodes what strangers made: only a job, or the process that makes a preview, opens these modules.
"""
