/* The acquisition: from packets to frames in the output queue.
 *
 * aravis' stream object (here: the receiver) lives from DSStartAcquisition to DSStopAcquisition: it fixes the
 * packet size when it is made, and with it goes the UDP socket, so that nothing is delivered after a stop.
 * Its thread hands each frame over in `on_frame`.
 */
#include <string.h>

#include "stream.h"

#define SOCKET_BUFFER_BYTES (8 << 20) /* twelve frames of an A65; the system caps it at net.core.rmem_max */
/* How long a frame with packets missing waits for its next one. On a busy machine packets that were sent
 * again wait in the socket for longer than aravis' 0.1 s, and the frame would be given up with nothing lost.
 * At 30 frames a second twelve frames wait behind it, each in a buffer of its own. A missing packet is asked
 * for every 20 ms of these (aravis' packet-timeout, which stays): to ask later would delay each frame that
 * lacks its last packets, and what comes twice is thrown away. */
#define FRAME_RETENTION_US 400000

void receiver_take(Stream *stream, Buffer *buffer)
{
    arv_buffer_set_frame_id(buffer->of_aravis, 0);
    arv_stream_push_buffer(stream->receiver, g_object_ref(buffer->of_aravis));
}

/* Count what is missing before a frame; its packets that found no buffer tell why.
 *
 * A frame without its leader has no number but has come, incomplete: it is not one of the missing.
 * aravis is asked here, in its own thread, and nowhere else: it may hold a lock that this thread has. */
static void count_gap(Stream *stream, guint64 id)
{
    guint64 n_underrun_packets = 0;

    arv_stream_get_statistics(stream->receiver, NULL, NULL, &n_underrun_packets);
    stream->counters[RESENT] = arv_stream_get_info_uint64_by_name(stream->receiver, "n_resent_packets");
    if (stream->last_id != 0 && id > stream->last_id + 1) {
        guint64 n_missing = id - stream->last_id - 1;

        n_missing -= MIN(n_missing, stream->n_leaderless);
        stream->counters[LOST] += n_missing;
        if (n_underrun_packets > stream->n_underrun_packets)
            stream->counters[UNDERRUN] += n_missing;
    }
    stream->n_leaderless = 0;
    stream->n_underrun_packets = n_underrun_packets;
    stream->last_id = id;
}

/* Runs in aravis' receiving thread for every frame, also for those cut short when it ends. */
static void on_frame(ArvStream *receiver, Stream *stream)
{
    ArvBuffer *of_aravis = arv_stream_try_pop_buffer(receiver);
    Buffer *buffer;

    if (of_aravis == NULL)
        return;
    buffer = (Buffer *)arv_buffer_get_user_data(of_aravis);
    g_mutex_lock(&stream->state);
    if (!stream->grabbing || arv_buffer_get_status(of_aravis) == ARV_BUFFER_STATUS_ABORTED) {
        if (stream->receiving)
            receiver_take(stream, buffer);
    } else {
        stream->counters[STARTED]++;
        buffer->frame = frame_from(of_aravis, buffer->size);
        buffer->new_data = TRUE;
        if (buffer->frame.led) {
            buffer->frame.id = frame_id_after(stream->last_id, buffer->frame.id);
            count_gap(stream, buffer->frame.id);
        } else {
            stream->n_leaderless++;
        }
        if (!buffer->frame.complete)
            stream->counters[INCOMPLETE]++;
        stream_place(stream, buffer, OUTPUT);
        if (stream->n_wanted != GENTL_INFINITE && --stream->n_wanted == 0)
            stream->grabbing = FALSE;
    }
    g_mutex_unlock(&stream->state);
    device_has_answered(stream->device);
    g_object_unref(of_aravis);
}

/* The buffers of the input queue go to the receiver, and from now on all that are queued. */
static void begin_receiving(Stream *stream)
{
    g_mutex_lock(&stream->state);
    stream->receiving = TRUE;
    for (GList *each = stream->input.head; each != NULL; each = each->next)
        receiver_take(stream, each->data);
    g_mutex_unlock(&stream->state);
}

/* End the receiving thread and take all buffers back: afterwards nobody writes into them. */
static void end_receiving(Stream *stream)
{
    g_mutex_lock(&stream->state);
    stream->receiving = FALSE;
    g_mutex_unlock(&stream->state);
    arv_stream_stop_thread(stream->receiver, TRUE);
}

static ArvStream *make_receiver(Stream *stream, GError **error)
{
    ArvStream *receiver = arv_device_create_stream(stream->device->camera, NULL, NULL, error);

    if (receiver == NULL)
        return NULL;
    g_object_set(receiver, "socket-buffer", ARV_GV_STREAM_SOCKET_BUFFER_FIXED, "socket-buffer-size",
                 SOCKET_BUFFER_BYTES, "frame-retention", FRAME_RETENTION_US, NULL);
    /* aravis has turned resends off by itself for a camera that has none. */
    if (!stream->resend)
        g_object_set(receiver, "packet-resend", ARV_GV_STREAM_PACKET_RESEND_NEVER, NULL);
    /* The signal, not aravis' callback: 0.8.26 calls the latter with a frame it has not got when the payload
     * is of a kind it does not know. */
    g_signal_connect(receiver, "new-buffer", G_CALLBACK(on_frame), stream);
    arv_stream_set_emit_signals(receiver, TRUE);
    return receiver;
}

GC_API DSStartAcquisition(DS_HANDLE handle, ACQ_START_FLAGS flags, uint64_t count)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);
    g_autoptr(GMutexLocker) one_at_a_time = NULL;
    GError *error = NULL;
    ArvStream *receiver;

    (void)flags; /* the standard knows no other than the default */
    if (stream == NULL)
        return last_error();
    one_at_a_time = g_mutex_locker_new(&stream->control);
    if (stream->closed)
        return fail(GC_ERR_INVALID_HANDLE, "the data stream was closed meanwhile");
    if (stream->receiver != NULL)
        return fail(GC_ERR_RESOURCE_IN_USE, "the acquisition is started already");
    if (count == 0)
        return fail(GC_ERR_INVALID_PARAMETER, "an acquisition of 0 frames cannot be started");
    if (!device_answers(stream->device))
        return last_error();
    receiver = make_receiver(stream, &error);
    if (receiver == NULL)
        return fail_with(error, "the acquisition cannot be started");
    g_mutex_lock(&stream->state);
    stream->receiver = receiver;
    stream->grabbing = TRUE;
    stream->n_wanted = count;
    stream->last_id = 0;
    stream->n_leaderless = 0;
    stream->n_underrun_packets = 0;
    memset(stream->counters, 0, sizeof stream->counters);
    g_mutex_unlock(&stream->state);
    begin_receiving(stream);
    return GC_ERR_SUCCESS;
}

/* `control` is held, and there is a receiver. */
void receiver_stop(Stream *stream)
{
    ArvStream *receiver = stream->receiver;

    end_receiving(stream);
    g_mutex_lock(&stream->state);
    stream->receiver = NULL;
    stream->grabbing = FALSE;
    g_mutex_unlock(&stream->state);
    arv_stream_set_emit_signals(receiver, FALSE);
    g_signal_handlers_disconnect_by_data(receiver, stream);
    /* When it is freed aravis ends a thread that it takes to be running. It has no buffers any more. */
    arv_stream_start_thread(receiver);
    device_drop(stream->device, receiver);
}

GC_API DSStopAcquisition(DS_HANDLE handle, ACQ_STOP_FLAGS flags)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);
    g_autoptr(GMutexLocker) one_at_a_time = NULL;

    (void)flags; /* stopped at once in both cases: a frame half received goes back to the input queue */
    if (stream == NULL)
        return last_error();
    one_at_a_time = g_mutex_locker_new(&stream->control);
    if (stream->receiver == NULL)
        return fail(GC_ERR_RESOURCE_IN_USE, "the acquisition is not started");
    receiver_stop(stream);
    return GC_ERR_SUCCESS;
}

GC_API DSFlushQueue(DS_HANDLE handle, ACQ_QUEUE_TYPE operation)
{
    g_autoptr(Stream) stream = object_get(handle, STREAM);
    g_autoptr(GMutexLocker) one_at_a_time = NULL;
    gboolean input_shrinks = operation == ACQ_QUEUE_INPUT_TO_OUTPUT || operation == ACQ_QUEUE_ALL_DISCARD;
    gboolean interrupted;

    if (stream == NULL)
        return last_error();
    if (operation < ACQ_QUEUE_INPUT_TO_OUTPUT || operation > ACQ_QUEUE_ALL_DISCARD)
        return fail(GC_ERR_INVALID_PARAMETER, "no way to flush a queue is called %d", operation);
    one_at_a_time = g_mutex_locker_new(&stream->control);
    if (stream->closed)
        return fail(GC_ERR_INVALID_HANDLE, "the data stream was closed meanwhile");
    interrupted = input_shrinks && stream->receiver != NULL;
    if (interrupted)
        end_receiving(stream);
    g_mutex_lock(&stream->state);
    switch (operation) {
    case ACQ_QUEUE_INPUT_TO_OUTPUT:
        stream_place_all(stream, INPUT, OUTPUT);
        break;
    case ACQ_QUEUE_OUTPUT_DISCARD:
        stream_place_all(stream, OUTPUT, UNQUEUED);
        break;
    case ACQ_QUEUE_ALL_TO_INPUT:
        stream_place_all(stream, OUTPUT, INPUT);
        stream_place_all(stream, UNQUEUED, INPUT);
        break;
    case ACQ_QUEUE_UNQUEUED_TO_INPUT:
        stream_place_all(stream, UNQUEUED, INPUT);
        break;
    case ACQ_QUEUE_ALL_DISCARD:
        stream_place_all(stream, OUTPUT, UNQUEUED);
        stream_place_all(stream, INPUT, UNQUEUED);
        break;
    }
    g_mutex_unlock(&stream->state);
    if (interrupted) {
        begin_receiving(stream); /* first, so that the packets which wait in the socket find buffers */
        arv_stream_start_thread(stream->receiver);
    }
    return GC_ERR_SUCCESS;
}
