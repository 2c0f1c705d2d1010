/* The registers of the producer's own modules, and the XML by which a consumer finds its way in them.
 *
 * Every module has an XML, as consumers ask for it. Only the data stream has something to tell: its counters,
 * and whether lost packets are asked for again, under the names that Teledyne's producer gives them too.
 */
#include <string.h>

#include "modules.h"
#include "port.h"
#include "stream.h"

#define XML_ADDRESS 0x10000u
#define REGISTER_BYTES 8u /* each register of the stream is a little-endian number of 64 bits */
#define RESEND_REGISTER N_COUNTERS

#define SCHEMA "http://www.genicam.org/GenApi/"
#define XML_BEGIN(module)                                                                                    \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                           \
    "<RegisterDescription ModelName=\"" module "\" ToolTip=\"" module "\" VendorName=\"" PRODUCER_VENDOR     \
    "\" StandardNameSpace=\"None\""                                                                          \
    " SchemaMajorVersion=\"1\" SchemaMinorVersion=\"1\" SchemaSubMinorVersion=\"0\""                         \
    " MajorVersion=\"1\" MinorVersion=\"0\" SubMinorVersion=\"0\""                                           \
    " ProductGuid=\"6d617666-6572-4000-8000-67656e746c00\""                                                  \
    " VersionGuid=\"6d617666-6572-4000-8000-67656e746c01\""                                                  \
    " xmlns=\"" SCHEMA "Version_1_1\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\""               \
    " xsi:schemaLocation=\"" SCHEMA "Version_1_1 " SCHEMA "GenApiSchema_Version_1_1.xsd\">\n"

#define XML_END(module) "<Port Name=\"" module "Port\"/>\n</RegisterDescription>\n"

#define XML_PLAIN(module) XML_BEGIN(module) "<Category Name=\"Root\"/>\n" XML_END(module)

#define XML_REGISTER(name, address, access)                                                                  \
    "<IntReg Name=\"" name "Register\"><Address>" address "</Address><Length>8</Length>"                     \
    "<AccessMode>" access "</AccessMode><pPort>TLDataStreamPort</pPort><Cachable>NoCache</Cachable>"         \
    "<Sign>Unsigned</Sign><Endianess>LittleEndian</Endianess></IntReg>\n"

#define XML_COUNTER(name, address, tip)                                                                      \
    "<Integer Name=\"" name "\"><ToolTip>" tip "</ToolTip><pValue>" name "Register</pValue></Integer>\n"     \
    XML_REGISTER(name, address, "RO")

static const char system_xml[] = XML_PLAIN("TLSystem");
static const char interface_xml[] = XML_PLAIN("TLInterface");
static const char device_xml[] = XML_PLAIN("TLDevice");

/* An address is the place among the counters of stream.h, times eight. */
G_STATIC_ASSERT(DELIVERED == 0 && LOST == 1 && INCOMPLETE == 2 && UNDERRUN == 3 && STARTED == 4 &&
                RESENT == 5 && RESEND_REGISTER == 6);
static const char stream_xml[] = XML_BEGIN("TLDataStream")
    "<Category Name=\"Root\"><pFeature>StreamPacketResendEnable</pFeature>"
    "<pFeature>StreamDeliveredFrameCount</pFeature><pFeature>StreamLostFrameCount</pFeature>"
    "<pFeature>StreamIncompleteFrameCount</pFeature><pFeature>StreamUnderrunFrameCount</pFeature>"
    "<pFeature>StreamStartedFrameCount</pFeature>"
    "<pFeature>StreamPacketResendReceivedPacketCount</pFeature></Category>\n"
    XML_COUNTER("StreamDeliveredFrameCount", "0", "Frames fetched since the start.")
    XML_COUNTER("StreamLostFrameCount", "8", "Frames missing between those that came, since the start.")
    XML_COUNTER("StreamIncompleteFrameCount", "16", "Frames that came with packets missing.")
    XML_COUNTER("StreamUnderrunFrameCount", "24", "Frames lost because no buffer was queued.")
    XML_COUNTER("StreamStartedFrameCount", "32", "Frames of which a packet came.")
    XML_COUNTER("StreamPacketResendReceivedPacketCount", "40", "Packets that came when asked for again.")
    "<Boolean Name=\"StreamPacketResendEnable\"><ToolTip>Lost packets are asked for again. Turned off it"
    " acts at once, turned on at the next start.</ToolTip>"
    "<pValue>StreamPacketResendEnableRegister</pValue><OnValue>1</OnValue><OffValue>0</OffValue></Boolean>\n"
    XML_REGISTER("StreamPacketResendEnable", "48", "RW")
    XML_END("TLDataStream");

const char *local_module_name(const Object *module)
{
    static const char *const names[] = {
        [SYSTEM] = "TLSystem", [INTERFACE] = "TLInterface", [DEVICE] = "TLDevice", [STREAM] = "TLDataStream",
    };

    return names[module->kind];
}

static const char *xml_of(const Object *module)
{
    static const char *const texts[] = {
        [SYSTEM] = system_xml, [INTERFACE] = interface_xml, [DEVICE] = device_xml, [STREAM] = stream_xml,
    };

    return texts[module->kind];
}

void local_url(const Object *module, char url[URL_BYTES + 1])
{
    g_snprintf(url, URL_BYTES + 1, "Local:%s.xml;%x;%zx", local_module_name(module), XML_ADDRESS,
               strlen(xml_of(module)));
}

/* Lay out the stream's registers as they are read. */
static void stream_registers(Stream *stream, guint64 registers[N_COUNTERS + 1])
{
    g_mutex_lock(&stream->state);
    stream_read_counters(stream, registers);
    registers[RESEND_REGISTER] = stream->resend ? 1 : 0;
    g_mutex_unlock(&stream->state);
    for (guint i = 0; i <= N_COUNTERS; i++)
        registers[i] = GUINT64_TO_LE(registers[i]);
}

GC_ERROR local_read(Object *module, uint64_t address, void *value, size_t *size)
{
    guint64 registers[N_COUNTERS + 1];
    const char *from = xml_of(module);
    size_t n_there = strlen(from);
    uint64_t begin = XML_ADDRESS;

    if (address < XML_ADDRESS && module->kind == STREAM) {
        stream_registers((Stream *)module, registers);
        from = (const char *)registers;
        n_there = sizeof registers;
        begin = 0;
    }
    if (address < begin || address - begin > n_there || *size > n_there - (address - begin)) {
        *size = 0;
        return fail(GC_ERR_INVALID_ADDRESS, "the module has no register 0x%" G_GINT64_MODIFIER "x", address);
    }
    memcpy(value, from + (address - begin), *size);
    return GC_ERR_SUCCESS;
}

GC_ERROR local_write(Object *module, uint64_t address, const void *value, size_t *size)
{
    Stream *stream = (Stream *)module;
    guint64 number;

    if (module->kind != STREAM || address != RESEND_REGISTER * REGISTER_BYTES || *size != sizeof number) {
        *size = 0;
        return fail(GC_ERR_ACCESS_DENIED, "the module has no register to write at 0x%" G_GINT64_MODIFIER "x",
                    address);
    }
    memcpy(&number, value, sizeof number);
    g_mutex_lock(&stream->state);
    stream_set_resend(stream, number != 0);
    g_mutex_unlock(&stream->state);
    return GC_ERR_SUCCESS;
}
