/* A consumer in C, linked with the producer, so that LeakSanitizer sees every byte of both.
 *
 * client SERIAL START STOP BYTES [leak]: registers in hexadecimal that begin and end the acquisition, bytes of
 * a frame. Opens, streams and closes in several ways; ends with 0 when all went as wanted and nothing was left
 * behind. With "leak" it leaves its own memory behind, to show that this would be seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define WANT(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            char text[512] = "";                                                                             \
            size_t n_text = sizeof text;                                                                     \
            GCGetLastError(NULL, text, &n_text);                                                             \
            fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, text);               \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)
#define OK(call) WANT((call) == GC_ERR_SUCCESS)

#define N_BUFFERS 6
#define N_LOOKS 10
#define WAIT_MS 10000

typedef struct {
    TL_HANDLE system;
    IF_HANDLE interface;
    DEV_HANDLE device;
    PORT_HANDLE port;
    DS_HANDLE stream;
    EVENT_HANDLE event;
    void *memory[N_BUFFERS];
    BUFFER_HANDLE buffers[N_BUFFERS];
} Opened;

static void write_word(PORT_HANDLE port, guint64 address, guint32 number)
{
    guint32 word = GUINT32_TO_BE(number);
    size_t n_bytes = sizeof word;

    OK(GCWritePort(port, address, &word, &n_bytes));
}

/* Write the id of the camera with this serial number; FALSE when it is not in the list. */
static gboolean find_camera(IF_HANDLE interface, const char *serial, char *id, size_t n_id)
{
    uint32_t count = 0;

    OK(IFUpdateDeviceList(interface, NULL, 1000));
    OK(IFGetNumDevices(interface, &count));
    for (uint32_t i = 0; i < count; i++) {
        char found[64] = "";
        size_t n_found = sizeof found;
        size_t size = n_id;

        OK(IFGetDeviceID(interface, i, id, &size));
        OK(IFGetDeviceInfo(interface, id, DEVICE_INFO_SERIAL_NUMBER, NULL, found, &n_found));
        if (strcmp(found, serial) == 0)
            return TRUE;
    }
    return FALSE;
}

static void open_camera(Opened *it, const char *serial)
{
    char id[128] = "";

    OK(TLOpen(&it->system));
    OK(TLOpenInterface(it->system, INTERFACE_ID, &it->interface));
    for (int i = 0; i < N_LOOKS && !find_camera(it->interface, serial, id, sizeof id); i++)
        id[0] = 0;
    WANT(id[0] != 0);
    OK(IFOpenDevice(it->interface, id, DEVICE_ACCESS_EXCLUSIVE, &it->device));
    OK(DevGetPort(it->device, &it->port));
    OK(DevOpenDataStream(it->device, STREAM_ID, &it->stream));
    OK(GCRegisterEvent(it->stream, EVENT_NEW_BUFFER, &it->event));
}

static void start(Opened *it, guint64 start_register, size_t n_bytes)
{
    for (int i = 0; i < N_BUFFERS; i++) {
        it->memory[i] = i % 2 ? g_malloc(n_bytes) : NULL;
        if (it->memory[i] != NULL)
            OK(DSAnnounceBuffer(it->stream, it->memory[i], n_bytes, NULL, &it->buffers[i]));
        else
            OK(DSAllocAndAnnounceBuffer(it->stream, n_bytes, NULL, &it->buffers[i]));
        OK(DSQueueBuffer(it->stream, it->buffers[i]));
    }
    OK(DSStartAcquisition(it->stream, 0, GENTL_INFINITE));
    write_word(it->port, start_register, 1);
}

static void free_memory(Opened *it)
{
    for (int i = 0; i < N_BUFFERS; i++)
        g_free(it->memory[i]);
}

static void fetch(Opened *it, int n_frames)
{
    for (int i = 0; i < n_frames; i++) {
        EVENT_NEW_BUFFER_DATA told;
        size_t n_told = sizeof told;
        void *base = NULL;
        size_t n_base = sizeof base;

        OK(EventGetData(it->event, &told, &n_told, WAIT_MS));
        OK(DSGetBufferInfo(it->stream, told.BufferHandle, BUFFER_INFO_BASE, NULL, &base, &n_base));
        WANT(base != NULL);
        OK(DSQueueBuffer(it->stream, told.BufferHandle));
    }
}

static gpointer wait_for_ever(gpointer event)
{
    EVENT_NEW_BUFFER_DATA told;
    size_t n_told = sizeof told;

    while (EventGetData(event, &told, &n_told, GENTL_INFINITE) == GC_ERR_SUCCESS)
        continue;
    return NULL;
}

/* As harvesters does it: stop, flush, revoke, close from the bottom up. */
static void close_in_order(Opened *it, guint64 stop_register)
{
    fetch(it, 3);
    OK(DSFlushQueue(it->stream, ACQ_QUEUE_ALL_DISCARD));
    OK(DSFlushQueue(it->stream, ACQ_QUEUE_UNQUEUED_TO_INPUT));
    fetch(it, 3);
    write_word(it->port, stop_register, 1);
    OK(DSStopAcquisition(it->stream, 1));
    OK(DSFlushQueue(it->stream, ACQ_QUEUE_ALL_DISCARD));
    for (int i = 0; i < N_BUFFERS; i++)
        OK(DSRevokeBuffer(it->stream, it->buffers[i], NULL, NULL));
    OK(GCUnregisterEvent(it->stream, EVENT_NEW_BUFFER));
    OK(DSClose(it->stream));
    OK(DevClose(it->device));
    OK(IFClose(it->interface));
    OK(TLClose(it->system));
    OK(GCCloseLib());
}

/* All at once, in full stream, while a thread waits. */
static void close_at_once(Opened *it)
{
    GThread *waiting = g_thread_new("waiting", wait_for_ever, it->event);

    OK(GCCloseLib());
    g_thread_join(waiting);
}

/* GigE Vision 1.x: 65535 is followed by 1; a camera that begins anew is no camera that has counted on. */
static void check_frame_ids(void)
{
    WANT(frame_id_after(0, 1) == 1);
    WANT(frame_id_after(7, 8) == 8);
    WANT(frame_id_after(7, 20) == 20);
    WANT(frame_id_after(65535, 1) == 65536);
    WANT(frame_id_after(65534, 3) == 65538);
    WANT(frame_id_after(65536, 2) == 65537);
    WANT(frame_id_after(2 * 65535, 1) == 2 * 65535 + 1);
    WANT(frame_id_after(500, 1) == 1);
    WANT(frame_id_after(0, 0) == 0);
    WANT(frame_id_after(65535, 0) == 0);
    WANT(frame_id_after(70000, 70001) == 70001);
    WANT(frame_id_after(G_GUINT64_CONSTANT(1) << 40, (G_GUINT64_CONSTANT(1) << 40) + 1) ==
         (G_GUINT64_CONSTANT(1) << 40) + 1);
}

int main(int n_words, char **words)
{
    gboolean leak = n_words == 6 && strcmp(words[5], "leak") == 0;

    WANT(n_words == 5 || leak);
    check_frame_ids();
    for (int round = 0; round < 4; round++) {
        Opened it = {0};

        OK(GCInitLib());
        open_camera(&it, words[1]);
        start(&it, strtoull(words[2], NULL, 16), strtoull(words[4], NULL, 10));
        if (round % 2 == 0)
            close_in_order(&it, strtoull(words[3], NULL, 16));
        else
            close_at_once(&it);
        if (!leak)
            free_memory(&it);
    }
    return 0;
}
