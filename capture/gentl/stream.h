/* The data stream of a device, its buffers and its event. */
#ifndef MAVFER_GENTL_STREAM_H
#define MAVFER_GENTL_STREAM_H

#include "modules.h"

/* Where a buffer is: with the consumer, waiting to be filled, waiting to be fetched (GenTL 1.5, 5.2). */
typedef enum { UNQUEUED, INPUT, OUTPUT } Place;

/* What came with the data that is in a buffer; all zero while there is none. */
typedef struct {
    gboolean came;
    gboolean complete;
    gboolean larger_than_buffer;
    gboolean led; /* its leader arrived, so that all below is known */
    guint64 id;
    guint64 timestamp_ns;
    size_t payload_type;
    gboolean is_image;
    size_t n_bytes;
    size_t width, height, x_offset, y_offset, x_padding, y_padding;
    guint64 pixel_format;
} Frame;

typedef struct {
    Object object; /* its parent is the stream, whose `state` guards all that changes */
    ArvBuffer *of_aravis;
    void *memory;
    size_t size;
    gboolean own_memory;
    void *user;
    Place place;
    gboolean revoked;
    gboolean new_data;
    Frame frame;
} Buffer;

typedef struct {
    Object object; /* its parent is the stream, whose `state` guards all that changes */
    gboolean closed;
    guint n_kills;
    guint64 n_fired;
} Event;

/* The stream's counters, in the order of its registers (local_port.c). */
typedef enum {
    DELIVERED,  /* frames fetched by the consumer */
    LOST,       /* frames whose number is missing between two that came */
    INCOMPLETE, /* frames that came with packets missing; none of these is lost */
    UNDERRUN,   /* those of the lost that found no buffer to be filled */
    STARTED,    /* frames of which a packet came */
    RESENT,     /* packets that came because they were asked for again */
    N_COUNTERS,
} Counter;

typedef struct {
    Object object; /* its parent is the device */
    Device *device;
    GMutex control; /* one start, stop, flush or close at a time; taken before `state` */
    GMutex state;   /* guards all below; also taken in aravis' receiving thread, so never held for long */
    GCond changed;  /* the output queue has grown, or somebody must look up from waiting */
    ArvStream *receiver; /* written with `control` and `state` held; NULL while not started */
    gboolean receiving;  /* buffers that are queued go straight to the receiver */
    gboolean grabbing;
    guint64 n_wanted; /* frames still to be delivered; GENTL_INFINITE for no end */
    GPtrArray *announced;
    GQueue input;
    GQueue output;
    Event *event;
    gboolean closed;
    gboolean resend;
    guint64 last_id; /* of the last frame that came, counted on beyond 65535; 0 before the first */
    guint64 n_leaderless; /* frames that came without a number since that one */
    guint64 n_underrun_packets;
    guint64 counters[N_COUNTERS];
} Stream;

/* stream.c: all of these want `state` to be held. */
void stream_place(Stream *stream, Buffer *buffer, Place place);
void stream_place_all(Stream *stream, Place from, Place to);
void stream_read_counters(Stream *stream, guint64 counters[N_COUNTERS]);
void stream_set_resend(Stream *stream, gboolean resend);

/* acquisition.c: give the receiver a buffer to fill (`state` is held); end it (`control` is held). */
void receiver_take(Stream *stream, Buffer *buffer);
void receiver_stop(Stream *stream);

/* buffer.c: return both objects of a call, counted; FALSE with the error kept. */
gboolean take_buffer(DS_HANDLE stream_handle, BUFFER_HANDLE buffer_handle, Stream **stream, Buffer **buffer);

/* frames.c: what aravis has received, and frame numbers that go on beyond 65535. */
Frame frame_from(ArvBuffer *of_aravis, size_t buffer_bytes);
size_t frame_line_bytes(const Frame *frame);
guint64 frame_id_after(guint64 last_id, guint64 raw_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Stream, object_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Buffer, object_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Event, object_release)

#endif
