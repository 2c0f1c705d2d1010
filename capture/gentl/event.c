/* Events: the one kind there is tells that a buffer of the output queue can be fetched.
 *
 * The output queue itself is the event's queue: to fetch an event takes a buffer out of it.
 */
#include "stream.h"

static void close_event(Object *object)
{
    Event *event = (Event *)object;
    Stream *stream = (Stream *)object->parent;

    g_mutex_lock(&stream->state);
    event->closed = TRUE;
    if (stream->event == event)
        stream->event = NULL;
    g_cond_broadcast(&stream->changed);
    g_mutex_unlock(&stream->state);
}

static void free_event(Object *object)
{
    g_free(object);
}

static GC_ERROR require_new_buffer(EVENT_TYPE type)
{
    if (type != EVENT_NEW_BUFFER)
        return fail(GC_ERR_NOT_IMPLEMENTED, "there is one event, new buffer (1), found %d", type);
    return GC_ERR_SUCCESS;
}

GC_API GCRegisterEvent(EVENTSRC_HANDLE source, EVENT_TYPE type, EVENT_HANDLE *handle)
{
    g_autoptr(Object) any = object_get_any(source);
    g_autoptr(Stream) stream = NULL;
    g_autoptr(Event) event = NULL;
    gboolean first;

    if (any == NULL || require_new_buffer(type) != GC_ERR_SUCCESS)
        return last_error();
    stream = object_get(source, STREAM);
    if (stream == NULL)
        return last_error();
    if (handle == NULL)
        return fail(GC_ERR_INVALID_PARAMETER, "GCRegisterEvent has no place for its handle");
    event = g_new0(Event, 1);
    event->object.kind = EVENT;
    event->object.closing = close_event;
    event->object.freeing = free_event;
    *handle = object_open(&event->object, &stream->object);
    if (*handle == NULL)
        return last_error();
    g_mutex_lock(&stream->state);
    first = stream->event == NULL;
    if (first && !event->closed)
        stream->event = event;
    g_mutex_unlock(&stream->state);
    if (!first) {
        object_close(*handle, EVENT);
        *handle = NULL;
        return fail(GC_ERR_RESOURCE_IN_USE, "the event is registered already");
    }
    return GC_ERR_SUCCESS;
}

GC_API GCUnregisterEvent(EVENTSRC_HANDLE source, EVENT_TYPE type)
{
    g_autoptr(Object) any = object_get_any(source);
    g_autoptr(Stream) stream = NULL;
    EVENT_HANDLE handle;

    if (any == NULL || require_new_buffer(type) != GC_ERR_SUCCESS)
        return last_error();
    stream = object_get(source, STREAM);
    if (stream == NULL)
        return last_error();
    g_mutex_lock(&stream->state);
    handle = stream->event != NULL ? stream->event->object.handle : NULL;
    g_mutex_unlock(&stream->state);
    return object_close(handle, EVENT);
}

/* Wait for a buffer in the output queue; `state` is held, and let go while waiting. */
static GC_ERROR wait_for_buffer(Stream *stream, Event *event, uint64_t timeout_ms)
{
    gint64 now_us = g_get_monotonic_time();
    gboolean forever = timeout_ms > (uint64_t)((G_MAXINT64 - now_us) / 1000);
    gint64 until_us = forever ? G_MAXINT64 : now_us + (gint64)timeout_ms * 1000;
    gboolean in_time = TRUE;

    for (;;) {
        if (event->closed || stream->closed)
            return fail(GC_ERR_ABORT, "the event was unregistered");
        if (event->n_kills > 0) {
            event->n_kills--;
            return fail(GC_ERR_ABORT, "the wait was ended by EventKill");
        }
        if (stream->output.length > 0)
            return GC_ERR_SUCCESS;
        if (!in_time)
            return fail(GC_ERR_TIMEOUT, "no frame in %" G_GUINT64_FORMAT " ms", timeout_ms);
        if (forever)
            g_cond_wait(&stream->changed, &stream->state);
        else
            in_time = g_cond_wait_until(&stream->changed, &stream->state, until_us);
    }
}

GC_API EventGetData(EVENT_HANDLE handle, void *value, size_t *size, uint64_t timeout_ms)
{
    g_autoptr(Event) event = object_get(handle, EVENT);
    g_autoptr(GMutexLocker) locked = NULL;
    EVENT_NEW_BUFFER_DATA told = {NULL, NULL};
    Stream *stream;
    Buffer *buffer;

    if (event == NULL)
        return last_error();
    if (value == NULL || size == NULL || *size < sizeof told)
        return tell_bytes(NULL, value, size, INFO_DATATYPE_PTR, &told, sizeof told); /* nothing is fetched */
    stream = (Stream *)event->object.parent;
    locked = g_mutex_locker_new(&stream->state);
    if (wait_for_buffer(stream, event, timeout_ms) != GC_ERR_SUCCESS)
        return last_error();
    buffer = g_queue_peek_head(&stream->output);
    stream_place(stream, buffer, UNQUEUED);
    if (buffer->frame.came) /* a flush moves empty buffers too */
        stream->counters[DELIVERED]++;
    told.BufferHandle = buffer->object.handle;
    told.pUserPointer = buffer->user;
    return tell_bytes(NULL, value, size, INFO_DATATYPE_PTR, &told, sizeof told);
}

GC_API EventGetDataInfo(EVENT_HANDLE handle, const void *data, size_t data_size, EVENT_DATA_INFO_CMD command,
                        INFO_DATATYPE *type, void *value, size_t *size)
{
    g_autoptr(Event) event = object_get(handle, EVENT);
    const EVENT_NEW_BUFFER_DATA *told = data;

    if (event == NULL)
        return last_error();
    if (told == NULL || data_size < sizeof *told)
        return fail(GC_ERR_INVALID_PARAMETER, "wanted the %zu bytes of EventGetData, found %zu", sizeof *told,
                    data_size);
    switch (command) {
    case EVENT_DATA_ID:
        return tell_pointer(type, value, size, told->BufferHandle);
    case EVENT_DATA_VALUE:
        return tell_pointer(type, value, size, told->pUserPointer);
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "the data of an event has no information %d", command);
    }
}

GC_API EventGetInfo(EVENT_HANDLE handle, EVENT_INFO_CMD command, INFO_DATATYPE *type, void *value,
                    size_t *size)
{
    g_autoptr(Event) event = object_get(handle, EVENT);
    g_autoptr(GMutexLocker) locked = NULL;
    Stream *stream;

    if (event == NULL)
        return last_error();
    stream = (Stream *)event->object.parent;
    locked = g_mutex_locker_new(&stream->state);
    switch (command) {
    case EVENT_EVENT_TYPE:
        return tell_int32(type, value, size, EVENT_NEW_BUFFER);
    case EVENT_NUM_IN_QUEUE:
        return tell_size(type, value, size, stream->output.length);
    case EVENT_NUM_FIRED:
        return tell_uint64(type, value, size, event->n_fired);
    case EVENT_SIZE_MAX:
        return tell_size(type, value, size, sizeof(EVENT_NEW_BUFFER_DATA));
    case EVENT_INFO_DATA_SIZE_MAX:
        return tell_size(type, value, size, sizeof(void *));
    default:
        return fail(GC_ERR_NOT_IMPLEMENTED, "an event has no information %d", command);
    }
}

GC_API EventFlush(EVENT_HANDLE handle)
{
    g_autoptr(Event) event = object_get(handle, EVENT);

    if (event == NULL)
        return last_error();
    return DSFlushQueue(event->object.parent->handle, ACQ_QUEUE_OUTPUT_DISCARD);
}

GC_API EventKill(EVENT_HANDLE handle)
{
    g_autoptr(Event) event = object_get(handle, EVENT);
    Stream *stream;

    if (event == NULL)
        return last_error();
    stream = (Stream *)event->object.parent;
    g_mutex_lock(&stream->state);
    event->n_kills++; /* each ends one wait: one under way, or the next */
    g_cond_broadcast(&stream->changed);
    g_mutex_unlock(&stream->state);
    return GC_ERR_SUCCESS;
}
