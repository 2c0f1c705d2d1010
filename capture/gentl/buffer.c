/* Buffers: announced, queued, revoked, and what is to be known of the frame inside. */
#include "stream.h"

gboolean take_buffer(DS_HANDLE stream_handle, BUFFER_HANDLE buffer_handle, Stream **stream, Buffer **buffer)
{
    *stream = object_get(stream_handle, STREAM);
    if (*stream == NULL)
        return FALSE;
    *buffer = object_get(buffer_handle, BUFFER);
    if (*buffer == NULL)
        return FALSE;
    if ((*buffer)->object.parent != &(*stream)->object) {
        fail(GC_ERR_INVALID_HANDLE, "the buffer belongs to another data stream");
        return FALSE;
    }
    return TRUE;
}

static void close_buffer(Object *object)
{
    Stream *stream = (Stream *)object->parent;

    g_mutex_lock(&stream->state);
    g_ptr_array_remove(stream->announced, object);
    g_mutex_unlock(&stream->state);
}

static void free_buffer(Object *object)
{
    Buffer *buffer = (Buffer *)object;

    g_object_unref(buffer->of_aravis);
    if (buffer->own_memory)
        g_free(buffer->memory);
    g_free(buffer);
}

/* Take over the memory of a buffer, or say why not; memory of its own is freed in that case. */
static GC_ERROR announce(DS_HANDLE handle, void *memory, size_t size, gboolean own_memory, void *user,
                         BUFFER_HANDLE *buffer_handle)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);
    g_autoptr(Buffer) buffer = NULL;
    gboolean usable = memory != NULL && size > 0 && buffer_handle != NULL;
    gboolean closed;

    if (stream == NULL || !usable) {
        if (own_memory)
            g_free(memory);
        if (stream != NULL)
            fail(GC_ERR_INVALID_PARAMETER,
                 "a buffer is announced without memory, or no place for its handle");
        return last_error();
    }
    buffer = g_new0(Buffer, 1);
    buffer->object.kind = BUFFER;
    buffer->object.closing = close_buffer;
    buffer->object.freeing = free_buffer;
    buffer->memory = memory;
    buffer->size = size;
    buffer->own_memory = own_memory;
    buffer->user = user;
    buffer->of_aravis = arv_buffer_new_full(size, memory, buffer, NULL);
    *buffer_handle = object_open(&buffer->object, &stream->object);
    if (*buffer_handle == NULL)
        return last_error();
    g_mutex_lock(&stream->state);
    closed = stream->closed;
    if (!closed)
        g_ptr_array_add(stream->announced, buffer);
    g_mutex_unlock(&stream->state);
    if (closed)
        return fail(GC_ERR_INVALID_HANDLE, "the data stream was closed meanwhile");
    return GC_ERR_SUCCESS;
}

GC_API DSAnnounceBuffer(DS_HANDLE handle, void *memory, size_t size, void *user, BUFFER_HANDLE *buffer)
{
    return announce(handle, memory, size, FALSE, user, buffer);
}

GC_API DSAllocAndAnnounceBuffer(DS_HANDLE handle, size_t size, void *user, BUFFER_HANDLE *buffer)
{
    void *memory = g_try_malloc0(size);

    if (memory == NULL && size > 0)
        return fail(GC_ERR_OUT_OF_MEMORY, "no memory for a buffer of %zu bytes", size);
    return announce(handle, memory, size, TRUE, user, buffer);
}

GC_API DSRevokeBuffer(DS_HANDLE handle, BUFFER_HANDLE buffer_handle, void **memory, void **user)
{
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Buffer) buffer = NULL;
    gboolean queued;

    if (!take_buffer(handle, buffer_handle, &stream, &buffer))
        return last_error();
    g_mutex_lock(&stream->state);
    queued = buffer->place != UNQUEUED;
    if (!queued)
        buffer->revoked = TRUE; /* nobody can queue it any more */
    g_mutex_unlock(&stream->state);
    if (queued)
        return fail(GC_ERR_BUSY, "the buffer is queued; DSFlushQueue discards it first");
    if (memory != NULL)
        *memory = buffer->own_memory ? NULL : buffer->memory;
    if (user != NULL)
        *user = buffer->user;
    return object_close(buffer_handle, BUFFER);
}

GC_API DSQueueBuffer(DS_HANDLE handle, BUFFER_HANDLE buffer_handle)
{
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Buffer) buffer = NULL;
    g_autoptr(GMutexLocker) locked = NULL;

    if (!take_buffer(handle, buffer_handle, &stream, &buffer))
        return last_error();
    locked = g_mutex_locker_new(&stream->state);
    if (buffer->revoked || stream->closed)
        return fail(GC_ERR_INVALID_HANDLE, "the buffer was revoked meanwhile");
    if (buffer->place != UNQUEUED)
        return fail(GC_ERR_RESOURCE_IN_USE, "the buffer is queued already");
    stream_place(stream, buffer, INPUT);
    return GC_ERR_SUCCESS;
}

GC_API DSGetBufferID(DS_HANDLE handle, uint32_t index, BUFFER_HANDLE *buffer)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);
    g_autoptr(GMutexLocker) locked = NULL;

    if (stream == NULL)
        return last_error();
    if (buffer == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DSGetBufferID has no place for its handle");
    locked = g_mutex_locker_new(&stream->state);
    if (index >= stream->announced->len)
        return fail(GC_ERR_INVALID_INDEX, "%u buffers are announced, found index %u", stream->announced->len,
                    index);
    *buffer = ((Object *)g_ptr_array_index(stream->announced, index))->handle;
    return GC_ERR_SUCCESS;
}

/* Return how many lines have arrived, which for a frame of variable height is less than its leader says. */
static size_t delivered_height(const Frame *frame)
{
    size_t line_bytes = frame_line_bytes(frame);

    return line_bytes == 0 ? frame->height : MIN(frame->height, frame->n_bytes / line_bytes);
}

/* Answer what only an image has. */
static GC_ERROR tell_image(const Frame *frame, BUFFER_INFO_CMD command, INFO_DATATYPE *type, void *value,
                           size_t *size)
{
    if (!frame->is_image)
        return fail(GC_ERR_NOT_AVAILABLE, "there is no image in the buffer");
    switch (command) {
    case BUFFER_INFO_WIDTH:
        return tell_size(type, value, size, frame->width);
    case BUFFER_INFO_HEIGHT:
        return tell_size(type, value, size, frame->height);
    case BUFFER_INFO_DELIVERED_IMAGEHEIGHT:
        return tell_size(type, value, size, delivered_height(frame));
    case BUFFER_INFO_XOFFSET:
        return tell_size(type, value, size, frame->x_offset);
    case BUFFER_INFO_YOFFSET:
        return tell_size(type, value, size, frame->y_offset);
    case BUFFER_INFO_XPADDING:
        return tell_size(type, value, size, frame->x_padding);
    case BUFFER_INFO_YPADDING:
        return tell_size(type, value, size, frame->y_padding);
    case BUFFER_INFO_IMAGEOFFSET:
        return tell_size(type, value, size, 0);
    case BUFFER_INFO_PIXELFORMAT:
        return tell_uint64(type, value, size, frame->pixel_format);
    case BUFFER_INFO_PIXELFORMAT_NAMESPACE:
        return tell_uint64(type, value, size, PIXELFORMAT_NAMESPACE_GEV);
    case BUFFER_INFO_PIXEL_ENDIANNESS: /* what GigE Vision asks of cameras; aravis swaps nothing */
        return tell_int32(type, value, size, PIXELENDIANNESS_LITTLE);
    default:
        return fail(GC_ERR_NOT_AVAILABLE, "a buffer does not tell its information %d", command);
    }
}

/* Answer what comes with every frame. */
static GC_ERROR tell_frame(const Frame *frame, gboolean has_clock, BUFFER_INFO_CMD command,
                           INFO_DATATYPE *type, void *value, size_t *size)
{
    if (!frame->led)
        return fail(GC_ERR_NOT_AVAILABLE, "there is no frame in the buffer, or it came without its leader");
    switch (command) {
    case BUFFER_INFO_TIMESTAMP:
    case BUFFER_INFO_TIMESTAMP_NS:
        if (!has_clock)
            return fail(GC_ERR_NOT_AVAILABLE, "the camera has no clock to stamp its frames with");
        return tell_uint64(type, value, size, frame->timestamp_ns);
    case BUFFER_INFO_FRAMEID:
        return tell_uint64(type, value, size, frame->id);
    case BUFFER_INFO_PAYLOADTYPE:
        return tell_size(type, value, size, frame->payload_type);
    case BUFFER_INFO_SIZE_FILLED:
    case BUFFER_INFO_DATA_SIZE:
        if (!frame->complete)
            return fail(GC_ERR_NOT_AVAILABLE, "the frame is not complete: how much of it came is not known");
        return tell_size(type, value, size, frame->n_bytes);
    default:
        return tell_image(frame, command, type, value, size);
    }
}

GC_API DSGetBufferInfo(DS_HANDLE handle, BUFFER_HANDLE buffer_handle, BUFFER_INFO_CMD command,
                       INFO_DATATYPE *type, void *value, size_t *size)
{
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Buffer) buffer = NULL;
    g_autoptr(GMutexLocker) locked = NULL;
    GC_ERROR told;

    if (!take_buffer(handle, buffer_handle, &stream, &buffer))
        return last_error();
    locked = g_mutex_locker_new(&stream->state);
    switch (command) {
    case BUFFER_INFO_BASE:
        return tell_pointer(type, value, size, buffer->memory);
    case BUFFER_INFO_SIZE:
        return tell_size(type, value, size, buffer->size);
    case BUFFER_INFO_USER_PTR:
        return tell_pointer(type, value, size, buffer->user);
    case BUFFER_INFO_TLTYPE:
        return tell_string(type, value, size, TL_TYPE);
    case BUFFER_INFO_IS_QUEUED:
        return tell_bool(type, value, size, buffer->place != UNQUEUED);
    case BUFFER_INFO_IS_INCOMPLETE:
        return tell_bool(type, value, size, buffer->frame.came && !buffer->frame.complete);
    case BUFFER_INFO_IMAGEPRESENT:
        return tell_bool(type, value, size, buffer->frame.is_image);
    case BUFFER_INFO_CONTAINS_CHUNKDATA:
        return tell_bool(type, value, size, FALSE);
    case BUFFER_INFO_DATA_LARGER_THAN_BUFFER:
        return tell_bool(type, value, size, buffer->frame.larger_than_buffer);
    case BUFFER_INFO_NEW_DATA:
        told = tell_bool(type, value, size, buffer->new_data);
        if (told == GC_ERR_SUCCESS && value != NULL)
            buffer->new_data = FALSE; /* new until it has been told */
        return told;
    default:
        return tell_frame(&buffer->frame, stream->device->has_clock, command, type, value, size);
    }
}
