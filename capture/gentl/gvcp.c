/* GVCP by unicast: who is at this address, and what does this register hold. */
#include "gvcp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY 0x42
#define ACKNOWLEDGE 0x01
#define DISCOVERY_COMMAND 0x0002
#define READ_REGISTER_COMMAND 0x0080
#define STATUS_SUCCESS 0x0000
#define DISCOVERY_BYTES 0xf8
#define ASK_AGAIN_MS 100 /* a question that was lost is put again */

typedef struct __attribute__((packed)) {
    guint8 key;
    guint8 flags;
    guint16 command;
    guint16 length;
    guint16 request;
} Question;

typedef struct __attribute__((packed)) {
    guint16 status;
    guint16 command;
    guint16 length;
    guint16 request;
    guint8 payload[DISCOVERY_BYTES];
} Answer;

static void put_question(int udp, struct in_addr address, guint16 command, guint16 request,
                         const guint32 *argument)
{
    struct {
        Question question;
        guint32 argument;
    } __attribute__((packed)) packet;
    size_t n_bytes = sizeof packet.question + (argument != NULL ? sizeof packet.argument : 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(GVCP_PORT), .sin_addr = address};

    packet.question.key = KEY;
    packet.question.flags = ACKNOWLEDGE;
    packet.question.command = htons(command);
    packet.question.length = htons((guint16)(n_bytes - sizeof packet.question));
    packet.question.request = htons(request);
    packet.argument = htonl(argument != NULL ? *argument : 0);
    /* Without a route, or to a broadcast, this fails: then nobody answers, which is all that counts. */
    (void)sendto(udp, &packet, n_bytes, 0, (struct sockaddr *)&to, sizeof to);
}

/* Wait until `until_us` for one answer; FALSE when none came. */
static gboolean take_answer(int udp, gint64 until_us, Answer *answer, struct in_addr *from, size_t *n_payload)
{
    for (;;) {
        gint64 left_us = until_us - g_get_monotonic_time();
        struct pollfd ready = {.fd = udp, .events = POLLIN};
        struct sockaddr_in sender;
        socklen_t n_sender = sizeof sender;
        ssize_t n_bytes;

        if (left_us <= 0)
            return FALSE;
        if (poll(&ready, 1, (int)((left_us + 999) / 1000)) <= 0)
            continue;
        n_bytes = recvfrom(udp, answer, sizeof *answer, MSG_DONTWAIT, (struct sockaddr *)&sender, &n_sender);
        if (n_bytes < (ssize_t)offsetof(Answer, payload))
            continue; /* refused by the host's ICMP, or no answer of a camera */
        *from = sender.sin_addr;
        *n_payload = (size_t)n_bytes - offsetof(Answer, payload);
        return TRUE;
    }
}

/* Copy a text register of a camera: printable ASCII, ended with 0, spaces at its end removed. */
static void copy_text(char *to, const guint8 *from, size_t n_bytes)
{
    size_t i;

    for (i = 0; i < n_bytes && from[i] != 0; i++)
        to[i] = g_ascii_isprint(from[i]) ? (char)from[i] : '?';
    to[i] = 0;
    g_strchomp(to);
}

static GvcpCamera camera_from(struct in_addr address, const guint8 *payload)
{
    GvcpCamera camera = {.address = address};
    const guint8 *mac = payload + 0x0a;

    copy_text(camera.vendor, payload + 0x48, 32);
    copy_text(camera.model, payload + 0x68, 32);
    copy_text(camera.version, payload + 0x88, 32);
    copy_text(camera.serial, payload + 0xd8, 16);
    copy_text(camera.user_name, payload + 0xe8, 16);
    if (camera.serial[0] == 0)
        g_snprintf(camera.serial, sizeof camera.serial, "%02x%02x%02x%02x%02x%02x", mac[0], mac[1], mac[2],
                   mac[3], mac[4], mac[5]);
    return camera;
}

GArray *gvcp_discover(const struct in_addr *addresses, guint n_addresses, guint timeout_ms)
{
    GArray *cameras = g_array_new(FALSE, TRUE, sizeof(GvcpCamera));
    gboolean *answered = g_new0(gboolean, n_addresses + 1);
    GvcpCamera *by_address = g_new0(GvcpCamera, n_addresses + 1);
    gint64 until_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    guint n_missing = n_addresses;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    while (udp >= 0 && n_missing > 0 && g_get_monotonic_time() < until_us) {
        gint64 again_us = MIN(until_us, g_get_monotonic_time() + ASK_AGAIN_MS * 1000);
        Answer answer;
        struct in_addr from;
        size_t n_payload;

        for (guint i = 0; i < n_addresses; i++)
            if (!answered[i])
                put_question(udp, addresses[i], DISCOVERY_COMMAND, (guint16)(i + 1), NULL);
        while (n_missing > 0 && take_answer(udp, again_us, &answer, &from, &n_payload)) {
            guint i = ntohs(answer.request) - 1u;

            if (i >= n_addresses || answered[i] || from.s_addr != addresses[i].s_addr ||
                ntohs(answer.command) != DISCOVERY_COMMAND + 1 || n_payload < DISCOVERY_BYTES)
                continue;
            by_address[i] = camera_from(from, answer.payload);
            answered[i] = TRUE;
            n_missing--;
        }
    }
    if (udp >= 0)
        close(udp);
    for (guint i = 0; i < n_addresses; i++)
        if (answered[i])
            g_array_append_val(cameras, by_address[i]);
    g_free(by_address);
    g_free(answered);
    return cameras;
}

GvcpAnswer gvcp_read_register(struct in_addr address, guint32 where, guint timeout_ms, guint32 *value)
{
    gint64 until_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    GvcpAnswer result = GVCP_SILENT;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    while (udp >= 0 && result == GVCP_SILENT && g_get_monotonic_time() < until_us) {
        gint64 again_us = MIN(until_us, g_get_monotonic_time() + ASK_AGAIN_MS * 1000);
        Answer answer;
        struct in_addr from;
        size_t n_payload;
        guint32 number;

        put_question(udp, address, READ_REGISTER_COMMAND, 1, &where);
        while (result == GVCP_SILENT && take_answer(udp, again_us, &answer, &from, &n_payload)) {
            if (from.s_addr != address.s_addr || ntohs(answer.command) != READ_REGISTER_COMMAND + 1)
                continue;
            if (ntohs(answer.status) != STATUS_SUCCESS || n_payload < sizeof number) {
                result = GVCP_REFUSED;
                continue;
            }
            memcpy(&number, answer.payload, sizeof number);
            *value = ntohl(number);
            result = GVCP_ANSWERED;
        }
    }
    if (udp >= 0)
        close(udp);
    return result;
}

struct in_addr gvcp_route_from(struct in_addr address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(GVCP_PORT), .sin_addr = address};
    struct sockaddr_in from = {.sin_addr.s_addr = INADDR_ANY};
    socklen_t n_from = sizeof from;
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    /* To connect a UDP socket sends nothing: it only makes the system choose the route. */
    if (udp < 0 || connect(udp, (struct sockaddr *)&to, sizeof to) != 0 ||
        getsockname(udp, (struct sockaddr *)&from, &n_from) != 0)
        from.sin_addr.s_addr = INADDR_ANY;
    if (udp >= 0)
        close(udp);
    return from.sin_addr;
}
