/* What a buffer could consist of and does not here: chunks, parts, segments and flows.
 *
 * The cameras this producer is for send one picture a frame. Handles are checked all the same.
 */
#include "stream.h"

static GC_ERROR no_such(DS_HANDLE stream_handle, BUFFER_HANDLE buffer_handle, GC_ERROR code, const char *what)
{
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Buffer) buffer = NULL;

    if (!take_buffer(stream_handle, buffer_handle, &stream, &buffer))
        return last_error();
    return fail(code, "this producer does not take buffers apart into %s", what);
}

static GC_ERROR no_such_of_stream(DS_HANDLE handle, const char *what)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);

    return stream != NULL ? fail(GC_ERR_NOT_IMPLEMENTED, "this producer has no %s", what) : last_error();
}

GC_API DSGetBufferChunkData(DS_HANDLE stream, BUFFER_HANDLE buffer, SINGLE_CHUNK_DATA *chunks, size_t *count)
{
    (void)chunks;
    (void)count;
    return no_such(stream, buffer, GC_ERR_NOT_IMPLEMENTED, "chunks");
}

GC_API DSGetNumBufferParts(DS_HANDLE stream_handle, BUFFER_HANDLE buffer_handle, uint32_t *count)
{
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Buffer) buffer = NULL;

    if (!take_buffer(stream_handle, buffer_handle, &stream, &buffer))
        return last_error();
    if (count == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DSGetNumBufferParts has no place for its answer");
    *count = 0;
    return GC_ERR_SUCCESS;
}

GC_API DSGetBufferPartInfo(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t index,
                           BUFFER_PART_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    (void)index;
    (void)command;
    (void)type;
    (void)value;
    (void)size;
    return no_such(stream, buffer, GC_ERR_INVALID_INDEX, "parts");
}

GC_API DSAnnounceCompositeBuffer(DS_HANDLE stream, size_t n_segments, void **segments, size_t *sizes,
                                 void *user, BUFFER_HANDLE *buffer)
{
    (void)n_segments;
    (void)segments;
    (void)sizes;
    (void)user;
    (void)buffer;
    return no_such_of_stream(stream, "composite buffers");
}

GC_API DSGetNumBufferSegments(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t *count)
{
    (void)count;
    return no_such(stream, buffer, GC_ERR_NOT_IMPLEMENTED, "segments");
}

GC_API DSGetBufferSegmentInfo(DS_HANDLE stream, BUFFER_HANDLE buffer, uint32_t index, int32_t command,
                              INFO_DATATYPE *type, void *value, size_t *size)
{
    (void)index;
    (void)command;
    (void)type;
    (void)value;
    (void)size;
    return no_such(stream, buffer, GC_ERR_NOT_IMPLEMENTED, "segments");
}

GC_API DSGetNumFlows(DS_HANDLE stream, uint32_t *count)
{
    (void)count;
    return no_such_of_stream(stream, "flows");
}

GC_API DSGetFlowInfo(DS_HANDLE stream, uint32_t index, int32_t command, INFO_DATATYPE *type, void *value,
                     size_t *size)
{
    (void)index;
    (void)command;
    (void)type;
    (void)value;
    (void)size;
    return no_such_of_stream(stream, "flows");
}
