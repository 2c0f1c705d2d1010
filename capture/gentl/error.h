/* What a GenTL function answers: its error code with a sentence for GCGetLastError, and its info values. */
#ifndef MAVFER_GENTL_ERROR_H
#define MAVFER_GENTL_ERROR_H

#include <arv.h>

#include "gentl.h"

/* Keep `code` and the formatted sentence as this thread's last error; return `code`. */
GC_ERROR fail(GC_ERROR code, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The code that `fail` kept last in this thread. */
GC_ERROR last_error(void);

/* Turn aravis' error into GenTL's nearest; frees `error`. */
GC_ERROR fail_with(GError *error, const char *doing);

/* Answer an info command: write a value with its type and size (GenTL 1.5, chapter 6.2.1).
 *
 * With value == NULL only the size that is needed is told; with too little room GC_ERR_BUFFER_TOO_SMALL. */
GC_ERROR tell_bytes(INFO_DATATYPE *type, void *value, size_t *size, INFO_DATATYPE of, const void *from,
                    size_t n_bytes);
GC_ERROR tell_string(INFO_DATATYPE *type, void *value, size_t *size, const char *text);
GC_ERROR tell_int32(INFO_DATATYPE *type, void *value, size_t *size, int32_t number);
GC_ERROR tell_uint32(INFO_DATATYPE *type, void *value, size_t *size, uint32_t number);
GC_ERROR tell_uint64(INFO_DATATYPE *type, void *value, size_t *size, uint64_t number);
GC_ERROR tell_size(INFO_DATATYPE *type, void *value, size_t *size, size_t number);
GC_ERROR tell_bool(INFO_DATATYPE *type, void *value, size_t *size, gboolean truth);
GC_ERROR tell_pointer(INFO_DATATYPE *type, void *value, size_t *size, void *pointer);

#endif
