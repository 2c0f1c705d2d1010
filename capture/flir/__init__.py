"""A FLIR A65 behind GenICam: a process of its own, which alone touches the vendor's libraries."""
