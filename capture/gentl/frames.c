/* What aravis knows of a frame it has received, taken over once, when the frame is handed out. */
#include "stream.h"

#define LAST_16_BIT_ID 65535u
#define NEAR_THE_END 0xc000u
#define NEAR_THE_BEGINNING 0x4000u

static size_t payload_type_from(ArvBufferPayloadType of_aravis)
{
    switch (of_aravis) {
    case ARV_BUFFER_PAYLOAD_TYPE_IMAGE:
    case ARV_BUFFER_PAYLOAD_TYPE_EXTENDED_CHUNK_DATA: /* an image with chunks behind it */
        return PAYLOAD_TYPE_IMAGE;
    case ARV_BUFFER_PAYLOAD_TYPE_RAWDATA:
        return PAYLOAD_TYPE_RAW_DATA;
    case ARV_BUFFER_PAYLOAD_TYPE_FILE:
        return PAYLOAD_TYPE_FILE;
    case ARV_BUFFER_PAYLOAD_TYPE_CHUNK_DATA:
        return PAYLOAD_TYPE_CHUNK_DATA;
    case ARV_BUFFER_PAYLOAD_TYPE_JPEG:
        return PAYLOAD_TYPE_JPEG;
    case ARV_BUFFER_PAYLOAD_TYPE_JPEG2000:
        return PAYLOAD_TYPE_JPEG2000;
    case ARV_BUFFER_PAYLOAD_TYPE_H264:
        return PAYLOAD_TYPE_H264;
    case ARV_BUFFER_PAYLOAD_TYPE_MULTIPART:
        return PAYLOAD_TYPE_MULTI_PART;
    default:
        return PAYLOAD_TYPE_UNKNOWN;
    }
}

size_t frame_line_bytes(const Frame *frame)
{
    size_t bits_per_pixel = (frame->pixel_format >> 16) & 0xff; /* PFNC: bits 16 to 23 */

    return (frame->width * bits_per_pixel + 7) / 8 + frame->x_padding;
}

/* aravis 0.8.26 takes a frame to be whole when as many packets came as the buffer has room for. So it cuts
 * off one that is larger than its buffer, or whose packets are smaller than was agreed, and says nothing.
 * What came must be all lines, or fewer whole lines from a camera that ends its frames early. */
static void check_size(Frame *frame, size_t buffer_bytes)
{
    size_t line_bytes = frame_line_bytes(frame);
    size_t n_lines = line_bytes == 0 ? frame->height : frame->n_bytes / line_bytes;

    /* Divided, not multiplied: what a leader says can be any number. */
    if (line_bytes != 0 && frame->height > buffer_bytes / line_bytes)
        frame->larger_than_buffer = TRUE;
    if (frame->larger_than_buffer || (n_lines < frame->height && frame->n_bytes % line_bytes != 0))
        frame->complete = FALSE;
}

Frame frame_from(ArvBuffer *of_aravis, size_t buffer_bytes)
{
    ArvBufferStatus status = arv_buffer_get_status(of_aravis);
    Frame frame = {
        .came = TRUE,
        .complete = status == ARV_BUFFER_STATUS_SUCCESS,
        .larger_than_buffer =
            status == ARV_BUFFER_STATUS_SIZE_MISMATCH || status == ARV_BUFFER_STATUS_WRONG_PACKET_ID,
        .id = arv_buffer_get_frame_id(of_aravis),
    };
    gint x, y, width, height, x_padding, y_padding;

    /* The number is set to 0 when a buffer is queued: it stays so without a leader. A whole frame has had
     * one, also from a camera that, against GigE Vision, begins at 0. */
    frame.led = frame.complete || frame.id != 0;
    if (!frame.led)
        return frame;
    frame.timestamp_ns = arv_buffer_get_timestamp(of_aravis);
    frame.payload_type = payload_type_from(arv_buffer_get_payload_type(of_aravis));
    if (!frame.complete)
        return frame; /* aravis tells the rest of whole frames only */
    arv_buffer_get_data(of_aravis, &frame.n_bytes);
    frame.is_image = frame.payload_type == PAYLOAD_TYPE_IMAGE;
    if (frame.is_image) {
        arv_buffer_get_image_region(of_aravis, &x, &y, &width, &height);
        arv_buffer_get_image_padding(of_aravis, &x_padding, &y_padding);
        /* 32 bits without a sign in the leader, which aravis hands on as int. */
        frame.x_offset = (guint32)x;
        frame.y_offset = (guint32)y;
        frame.width = (guint32)width;
        frame.height = (guint32)height;
        frame.x_padding = (guint32)x_padding;
        frame.y_padding = (guint32)y_padding;
        frame.pixel_format = arv_buffer_get_image_pixel_format(of_aravis);
        check_size(&frame, buffer_bytes);
    }
    return frame;
}

/* GigE Vision 1.x numbers frames with 16 bits: 65535 is followed by 1. At 30 frames a second that is every
 * 36 minutes. A number that falls in another way is a camera that has begun anew, and is told as it is. */
guint64 frame_id_after(guint64 last_id, guint64 raw_id)
{
    guint64 last_raw;

    if (last_id == 0 || raw_id == 0 || raw_id > LAST_16_BIT_ID)
        return raw_id;
    last_raw = (last_id - 1) % LAST_16_BIT_ID + 1;
    if (raw_id < last_raw && !(last_raw > NEAR_THE_END && raw_id < NEAR_THE_BEGINNING))
        return raw_id;
    return last_id + (raw_id + LAST_16_BIT_ID - last_raw) % LAST_16_BIT_ID;
}
