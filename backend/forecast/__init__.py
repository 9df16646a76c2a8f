from backend.forecast.model import Forecast

__all__ = ["Forecast"]
