// The part of libfreenect2's published interface that the Python binding pylibfreenect2 0.1.4 is compiled
// against (names and types as in libfreenect2 0.2's headers), over a device that the tests play.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace libfreenect2 {

struct Frame {
  enum Type { Color = 1, Ir = 2, Depth = 4 };
  size_t width, height, bytes_per_pixel;
  unsigned char *data;
  uint32_t timestamp = 0, sequence = 0;
  float exposure = 0, gain = 0, gamma = 0;
  Frame(size_t width, size_t height, size_t bytes_per_pixel, unsigned char *data = nullptr);
  ~Frame();

 private:
  bool owned_;
};

typedef std::map<Frame::Type, Frame *> FrameMap;

struct FrameListener {
  virtual ~FrameListener() {}
  virtual bool onNewFrame(Frame::Type type, Frame *frame) = 0;
};

struct Waiting;  // what a listener holds

// Gives a set of frames when one of each wanted type is there; a newer frame replaces one of its type. As in a
// default build of libfreenect2 (without ENABLE_CXX11), a wait with a timeout waits for ever all the same, and
// frames that come between a wait and its release are refused.
struct SyncMultiFrameListener : FrameListener {
  explicit SyncMultiFrameListener(unsigned int types);
  ~SyncMultiFrameListener() override;
  bool hasNewFrame() const;
  bool idle() const;  // nothing complete waits, and what was taken is released
  void waitForNewFrame(FrameMap &frames);
  bool waitForNewFrame(FrameMap &frames, int milliseconds);
  void release(FrameMap &frames);
  bool onNewFrame(Frame::Type type, Frame *frame) override;

 private:
  Waiting *waiting_;
};

struct Freenect2Device {
  struct ColorCameraParams {
    float fx, fy, cx, cy, shift_d, shift_m;
    float mx_x3y0, mx_x0y3, mx_x2y1, mx_x1y2, mx_x2y0, mx_x0y2, mx_x1y1, mx_x1y0, mx_x0y1, mx_x0y0;
    float my_x3y0, my_x0y3, my_x2y1, my_x1y2, my_x2y0, my_x0y2, my_x1y1, my_x1y0, my_x0y1, my_x0y0;
  };
  struct IrCameraParams {
    float fx, fy, cx, cy, k1, k2, k3, p1, p2;
  };
  virtual ~Freenect2Device() {}
  virtual std::string getSerialNumber() = 0;
  virtual std::string getFirmwareVersion() = 0;
  virtual ColorCameraParams getColorCameraParams() = 0;
  virtual IrCameraParams getIrCameraParams() = 0;
  virtual void setColorFrameListener(FrameListener *) = 0;
  virtual void setIrAndDepthFrameListener(FrameListener *) = 0;
  virtual bool start() = 0;
  virtual bool startStreams(bool color, bool depth) = 0;
  virtual bool stop() = 0;
  virtual bool close() = 0;
};

struct PacketPipeline {
  virtual ~PacketPipeline() {}
};
struct CpuPacketPipeline : PacketPipeline {};
struct OpenGLPacketPipeline : PacketPipeline {
  OpenGLPacketPipeline(void *, bool) {}
};
struct OpenCLPacketPipeline : PacketPipeline {
  explicit OpenCLPacketPipeline(int) {}
};

struct Registration {  // compiled against, never used by the tests
  Registration(Freenect2Device::IrCameraParams, Freenect2Device::ColorCameraParams) {}
  void apply(const Frame *, const Frame *, Frame *, Frame *, bool, Frame *, int *) const {}
  void undistortDepth(const Frame *, Frame *) const {}
  void getPointXYZRGB(const Frame *, const Frame *, int, int, float &, float &, float &, float &) const {}
  void getPointXYZ(const Frame *, int, int, float &, float &, float &) const {}
};

struct Freenect2 {
  Freenect2() {}
  ~Freenect2();
  int enumerateDevices();
  std::string getDeviceSerialNumber(int index);
  std::string getDefaultDeviceSerialNumber();
  Freenect2Device *openDevice(int index);
  Freenect2Device *openDevice(int index, const PacketPipeline *pipeline);
  Freenect2Device *openDevice(const std::string &serial);
  Freenect2Device *openDevice(const std::string &serial, const PacketPipeline *pipeline);
  Freenect2Device *openDefaultDevice();
  Freenect2Device *openDefaultDevice(const PacketPipeline *pipeline);
};

struct Logger {
  enum Level { None = 0, Error = 1, Warning = 2, Info = 3, Debug = 4 };
  Level level_;
  Level level() const { return level_; }
  void log(Level, const std::string &) {}
};
Logger *createConsoleLogger(Logger::Level level);
Logger *createConsoleLoggerWithDefaultLevel();
Logger *getGlobalLogger();
void setGlobalLogger(Logger *logger);

}  // namespace libfreenect2

// What the tests do with the device; called from Python through ctypes.
extern "C" {
void stand_in_plug(const char *serials);  // the Kinects on the bus, by serial number, one a line
void stand_in_refuse(int refuse);         // openDevice returns null, as it does for a device that will not open
int stand_in_wait_streaming(int milliseconds);  // wait until a device streams; returns whether one does
int stand_in_wait_taken(int milliseconds);      // wait until every listener is idle
// Hand a frame to the listener of the streaming device; returns whether it took it.
int stand_in_push(int type, const void *pixels, int width, int height, uint32_t timestamp, uint32_t sequence,
                  float exposure, float gain, float gamma);
void stand_in_set_camera(const float *infrared_9, const float *color_26);
int stand_in_log_level();  // of the global logger; -1 where there is none
}
