"""Why a network says what it says: attention, what it needs to see, where and for whom it errs."""
