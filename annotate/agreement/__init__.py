"""How well raters agree: measures, readings over sessions, raters who stand out, tables and pages."""

from .measures import Agreement, agreement
from .pairs import ccc, mse, pearson, share_positive
from .reliability import cronbach_alpha

__all__ = ["Agreement", "agreement", "ccc", "cronbach_alpha", "mse", "pearson", "share_positive"]
