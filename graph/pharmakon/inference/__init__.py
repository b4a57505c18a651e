"""Inference: rules as files of SPARQL, and the engine that runs them."""

from .engine import infer
from .rule import Rule, load, rules

__all__ = ["Rule", "infer", "load", "rules"]
