"""The encodings that are looked for and may be chosen, the likeliest first."""

UTF_8, UTF_16 = "utf-8", "utf-16"
# In this order the first of equals wins: cp1250 unless a byte decides for ISO 8859-2 or -16, whose Romanian letters are
# the same bytes.
EIGHT_BITS = ("cp1250", "cp1252", "iso8859-16", "cp852", "cp850", "iso8859-2", "iso8859-15", "mac-roman")
CHOICES = (UTF_8, UTF_16, "utf-16-le", "utf-16-be", *EIGHT_BITS, "mac-latin2", "cp1251", "cp1253")
