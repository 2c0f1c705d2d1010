"""The errors a caller of mavfer can handle, all under one parent.

A message says what was wanted, what was found, what to do, and last the path. The command line prints it
as one line and exits 1, or 2 where it is a UsageError; anything that is not a MavferError is a defect and
keeps its traceback.
"""


class MavferError(Exception):
    """Parent of every error that mavfer raises on purpose."""


class ConfigError(MavferError):
    """A TOML file or an option is missing, unknown or out of range."""


class UsageError(ConfigError):
    """An option of a command is out of range, or contradicts another: the command was misused."""


class OutputError(MavferError):
    """A result cannot be written: it exists already, or the disk is full."""


class SessionError(MavferError):
    """A recorded session is missing, damaged, or lacks what is asked of it."""


class CameraError(MavferError):
    """A camera is absent, busy, or stopped delivering frames."""


class CameraGone(CameraError):
    """A camera has gone away while it streamed, and is being looked for: unplugged, switched off, silent."""


class CameraEnded(CameraError):
    """A camera has delivered all that it ever will, as a video file at its end."""


class RecordError(MavferError):
    """A take could not be armed, started or finished."""


class CalibrationError(MavferError):
    """A calibration cannot be solved or read, or belongs to another rig."""


class TraceError(MavferError):
    """A rater's trace is missing, damaged, or belongs to another session."""


class StudyError(MavferError):
    """A study, its database or one of its films is missing, damaged, or does not fit what is asked of it."""


class FaceError(MavferError):
    """No face where one is needed."""


class DatasetError(MavferError):
    """A dataset is missing, damaged, or does not fit what is asked of it."""


class ModelError(MavferError):
    """A run or a checkpoint is missing, damaged, or does not fit its dataset."""
