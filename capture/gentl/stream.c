/* The data stream module: opened and closed, where its buffers are, and its counters. */
#include <string.h>

#include "stream.h"

static GQueue *queue_of(Stream *stream, Place place)
{
    return place == INPUT ? &stream->input : place == OUTPUT ? &stream->output : NULL;
}

void stream_place(Stream *stream, Buffer *buffer, Place place)
{
    if (buffer->place != UNQUEUED)
        g_queue_remove(queue_of(stream, buffer->place), buffer);
    buffer->place = place;
    if (place != UNQUEUED)
        g_queue_push_tail(queue_of(stream, place), buffer);
    if (place == INPUT) {
        memset(&buffer->frame, 0, sizeof buffer->frame);
        buffer->new_data = FALSE;
        if (stream->receiving)
            receiver_take(stream, buffer);
    }
    if (place == OUTPUT) {
        if (stream->event != NULL)
            stream->event->n_fired++;
        g_cond_broadcast(&stream->changed);
    }
}

/* Move every announced buffer that is at `from` to `to`. */
void stream_place_all(Stream *stream, Place from, Place to)
{
    for (guint i = 0; i < stream->announced->len; i++) {
        Buffer *buffer = g_ptr_array_index(stream->announced, i);

        if (buffer->place == from && !buffer->revoked)
            stream_place(stream, buffer, to);
    }
}

void stream_read_counters(Stream *stream, guint64 counters[N_COUNTERS])
{
    memcpy(counters, stream->counters, sizeof stream->counters);
}

void stream_set_resend(Stream *stream, gboolean resend)
{
    stream->resend = resend;
    if (stream->receiver != NULL && ARV_IS_GV_STREAM(stream->receiver) && !resend)
        g_object_set(stream->receiver, "packet-resend", ARV_GV_STREAM_PACKET_RESEND_NEVER, NULL);
}

/* Before the buffers are closed: nobody may write into them or wait for them any more. */
static void close_stream(Object *object)
{
    Stream *stream = (Stream *)object;

    g_mutex_lock(&stream->control);
    if (stream->receiver != NULL)
        receiver_stop(stream);
    g_mutex_lock(&stream->state);
    stream->closed = TRUE;
    stream_place_all(stream, OUTPUT, UNQUEUED);
    stream_place_all(stream, INPUT, UNQUEUED);
    g_cond_broadcast(&stream->changed);
    g_mutex_unlock(&stream->state);
    g_mutex_unlock(&stream->control);
}

static void free_stream(Object *object)
{
    Stream *stream = (Stream *)object;

    g_queue_clear(&stream->input);
    g_queue_clear(&stream->output);
    g_ptr_array_unref(stream->announced);
    g_cond_clear(&stream->changed);
    g_mutex_clear(&stream->state);
    g_mutex_clear(&stream->control);
    g_free(stream);
}

GC_API DevOpenDataStream(DEV_HANDLE handle, const char *id, DS_HANDLE *stream_handle)
{
    g_autoptr(Device) device = object_get(handle, DEVICE);
    g_autoptr(Stream) stream = NULL;

    if (device == NULL)
        return last_error();
    if (stream_handle == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DevOpenDataStream has no place for its handle");
    if (id == NULL || strcmp(id, STREAM_ID) != 0)
        return fail(GC_ERR_INVALID_ID, "the one data stream is \"" STREAM_ID "\", found \"%s\"",
                    id != NULL ? id : "");
    if (device->read_only)
        return fail(GC_ERR_ACCESS_DENIED, "the device is open to be read only, so it cannot stream");
    stream = g_new0(Stream, 1);
    stream->object.kind = STREAM;
    stream->object.closing = close_stream;
    stream->object.freeing = free_stream;
    stream->object.single = TRUE;
    stream->device = device;
    stream->announced = g_ptr_array_new();
    stream->resend = g_strcmp0(g_getenv(RESEND_VARIABLE), "0") != 0;
    g_mutex_init(&stream->control);
    g_mutex_init(&stream->state);
    g_cond_init(&stream->changed);
    *stream_handle = object_open(&stream->object, &device->object);
    return *stream_handle != NULL ? GC_ERR_SUCCESS : last_error();
}

GC_API DSClose(DS_HANDLE handle)
{
    return object_close(handle, STREAM);
}

GC_API DSGetParentDev(DS_HANDLE handle, DEV_HANDLE *device)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);

    if (stream == NULL)
        return last_error();
    if (device == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "DSGetParentDev has no place for its handle");
    *device = stream->object.parent->handle;
    return GC_ERR_SUCCESS;
}

GC_API DSGetInfo(DS_HANDLE handle, STREAM_INFO_CMD command, INFO_DATATYPE *type, void *value, size_t *size)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);
    g_autoptr(GMutexLocker) locked = NULL;
    guint64 counters[N_COUNTERS];

    if (stream == NULL)
        return last_error();
    locked = g_mutex_locker_new(&stream->state);
    stream_read_counters(stream, counters);
    switch (command) {
    case STREAM_INFO_ID:
        return tell_string(type, value, size, STREAM_ID);
    case STREAM_INFO_NUM_DELIVERED:
        return tell_uint64(type, value, size, counters[DELIVERED]);
    case STREAM_INFO_NUM_UNDERRUN:
        return tell_uint64(type, value, size, counters[UNDERRUN]);
    case STREAM_INFO_NUM_ANNOUNCED:
        return tell_size(type, value, size, stream->announced->len);
    case STREAM_INFO_NUM_QUEUED:
        return tell_size(type, value, size, stream->input.length);
    case STREAM_INFO_NUM_AWAIT_DELIVERY:
        return tell_size(type, value, size, stream->output.length);
    case STREAM_INFO_NUM_STARTED:
        return tell_uint64(type, value, size, counters[STARTED]);
    case STREAM_INFO_PAYLOAD_SIZE: /* the remote device's PayloadSize says it */
        return fail(GC_ERR_NOT_AVAILABLE, "the data stream does not define a payload size");
    case STREAM_INFO_IS_GRABBING:
        return tell_bool(type, value, size, stream->grabbing);
    case STREAM_INFO_DEFINES_PAYLOADSIZE:
        return tell_bool(type, value, size, FALSE);
    case STREAM_INFO_TLTYPE:
        return tell_string(type, value, size, TL_TYPE);
    case STREAM_INFO_NUM_CHUNKS_MAX:
        return tell_size(type, value, size, 0);
    case STREAM_INFO_BUF_ANNOUNCE_MIN:
        return tell_size(type, value, size, 1);
    case STREAM_INFO_BUF_ALIGNMENT:
        return tell_size(type, value, size, 1);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "a data stream has no information %d", command);
    }
}
