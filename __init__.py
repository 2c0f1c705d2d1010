"""mavfer: record a face in color, depth, infrared and thermal, and learn valence and arousal from it.

capture records sessions; calibrate solves the rig; annotate gathers raters' traces;
preprocess turns sessions into aligned, labelled clips; model trains MRAN and its peers on them.
"""

__version__ = "0.1.0"
