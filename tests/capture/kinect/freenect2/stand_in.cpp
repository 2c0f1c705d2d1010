// A libfreenect2 without USB: devices that the tests plug in, frames that the tests push.
#include "libfreenect2/stand_in.hpp"

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <sstream>
#include <vector>

namespace libfreenect2 {

Frame::Frame(size_t w, size_t h, size_t b, unsigned char *d)
    : width(w), height(h), bytes_per_pixel(b), data(d), owned_(d == nullptr) {
  if (owned_) data = new unsigned char[w * h * b];
}
Frame::~Frame() {
  if (owned_) delete[] data;
}

namespace {
std::mutex bus;  // guards what the tests play
std::condition_variable_any changed;  // something happened that they wait for

void tell() {
  { std::lock_guard<std::mutex> lock(bus); }  // whoever looks now waits before it is told
  changed.notify_all();
}
}  // namespace

struct Waiting {
  mutable std::mutex mutex;
  std::condition_variable arrived;
  FrameMap frames;
  unsigned int wanted = 0, ready = 0;
  bool released = true;
};

SyncMultiFrameListener::SyncMultiFrameListener(unsigned int types) : waiting_(new Waiting) {
  waiting_->wanted = types;
}
SyncMultiFrameListener::~SyncMultiFrameListener() {
  for (auto &entry : waiting_->frames) delete entry.second;
  delete waiting_;
}
bool SyncMultiFrameListener::hasNewFrame() const {
  std::lock_guard<std::mutex> lock(waiting_->mutex);
  return waiting_->ready == waiting_->wanted;
}
bool SyncMultiFrameListener::idle() const {
  std::lock_guard<std::mutex> lock(waiting_->mutex);
  return waiting_->released && waiting_->ready != waiting_->wanted;
}
void SyncMultiFrameListener::waitForNewFrame(FrameMap &frames) {
  std::unique_lock<std::mutex> lock(waiting_->mutex);
  waiting_->arrived.wait(lock, [this] { return waiting_->ready == waiting_->wanted; });
  frames.swap(waiting_->frames);
  waiting_->frames.clear();
  waiting_->ready = 0;
  waiting_->released = false;
}
bool SyncMultiFrameListener::waitForNewFrame(FrameMap &frames, int) {
  waitForNewFrame(frames);
  return true;
}
void SyncMultiFrameListener::release(FrameMap &frames) {
  for (auto &entry : frames) {
    std::memset(entry.second->data, 0xee, entry.second->width * entry.second->height * 4);  // who kept it, sees
    delete entry.second;
  }
  frames.clear();
  {
    std::lock_guard<std::mutex> lock(waiting_->mutex);
    waiting_->released = true;
  }
  tell();
}
bool SyncMultiFrameListener::onNewFrame(Frame::Type type, Frame *frame) {
  if (!(waiting_->wanted & type)) return false;
  {
    std::lock_guard<std::mutex> lock(waiting_->mutex);
    if (!waiting_->released) return false;
    auto found = waiting_->frames.find(type);
    if (found != waiting_->frames.end()) delete found->second;
    waiting_->frames[type] = frame;
    waiting_->ready |= type;
  }
  waiting_->arrived.notify_one();
  return true;
}

namespace {
std::vector<std::string> plugged;
bool refused = false;
Freenect2Device::IrCameraParams infrared_camera;
Freenect2Device::ColorCameraParams color_camera;
struct Played;
std::vector<Played *> devices;
Logger *logger = nullptr;

struct Played : Freenect2Device {
  Freenect2 *context;
  std::string serial;
  bool streaming = false, started = false;
  FrameListener *color = nullptr, *depth = nullptr;
  Played(Freenect2 *c, const std::string &s) : context(c), serial(s) {}
  std::string getSerialNumber() override { return serial; }
  std::string getFirmwareVersion() override { return started ? "4.0.3911.0" : "<unknown>"; }
  ColorCameraParams getColorCameraParams() override { return started ? color_camera : ColorCameraParams(); }
  IrCameraParams getIrCameraParams() override { return started ? infrared_camera : IrCameraParams(); }
  void setColorFrameListener(FrameListener *listener) override { color = listener; }
  void setIrAndDepthFrameListener(FrameListener *listener) override { depth = listener; }
  bool start() override { return startStreams(true, true); }
  bool startStreams(bool, bool) override {
    {
      std::lock_guard<std::mutex> lock(bus);
      streaming = started = true;
    }
    tell();
    return true;
  }
  bool stop() override {
    std::lock_guard<std::mutex> lock(bus);
    streaming = false;
    return true;
  }
  bool close() override {
    std::lock_guard<std::mutex> lock(bus);
    streaming = false;
    color = depth = nullptr;
    return true;
  }
};
}  // namespace

Freenect2::~Freenect2() {
  std::lock_guard<std::mutex> lock(bus);
  std::vector<Played *> left;
  for (Played *device : devices)
    if (device->context == this)
      delete device;
    else
      left.push_back(device);
  devices.swap(left);
}
int Freenect2::enumerateDevices() {
  std::lock_guard<std::mutex> lock(bus);
  return int(plugged.size());
}
std::string Freenect2::getDeviceSerialNumber(int index) {
  std::lock_guard<std::mutex> lock(bus);
  return index >= 0 && index < int(plugged.size()) ? plugged[index] : std::string();
}
std::string Freenect2::getDefaultDeviceSerialNumber() { return getDeviceSerialNumber(0); }
Freenect2Device *Freenect2::openDevice(const std::string &serial, const PacketPipeline *pipeline) {
  delete pipeline;
  std::lock_guard<std::mutex> lock(bus);
  for (const std::string &found : plugged)
    if (found == serial && !refused) {
      devices.push_back(new Played(this, serial));
      return devices.back();
    }
  return nullptr;
}
Freenect2Device *Freenect2::openDevice(const std::string &serial) { return openDevice(serial, nullptr); }
Freenect2Device *Freenect2::openDevice(int index, const PacketPipeline *pipeline) {
  return openDevice(getDeviceSerialNumber(index), pipeline);
}
Freenect2Device *Freenect2::openDevice(int index) { return openDevice(index, nullptr); }
Freenect2Device *Freenect2::openDefaultDevice(const PacketPipeline *pipeline) { return openDevice(0, pipeline); }
Freenect2Device *Freenect2::openDefaultDevice() { return openDevice(0, nullptr); }

Logger *createConsoleLogger(Logger::Level level) { return new Logger{level}; }
Logger *createConsoleLoggerWithDefaultLevel() { return new Logger{Logger::Info}; }
Logger *getGlobalLogger() { return logger; }
void setGlobalLogger(Logger *wanted) { logger = wanted; }

}  // namespace libfreenect2

using namespace libfreenect2;

extern "C" {
void stand_in_plug(const char *serials) {
  std::lock_guard<std::mutex> lock(bus);
  plugged.clear();
  std::istringstream lines(serials);
  for (std::string line; std::getline(lines, line);) plugged.push_back(line);
}
void stand_in_refuse(int refuse) {
  std::lock_guard<std::mutex> lock(bus);
  refused = refuse != 0;
}
int stand_in_wait_streaming(int milliseconds) {
  std::unique_lock<std::mutex> lock(bus);
  return changed.wait_for(lock, std::chrono::milliseconds(milliseconds), [] {
    for (Played *device : devices)
      if (device->streaming) return true;
    return false;
  });
}
int stand_in_wait_taken(int milliseconds) {
  std::unique_lock<std::mutex> lock(bus);
  return changed.wait_for(lock, std::chrono::milliseconds(milliseconds), [] {
    for (Played *device : devices)
      for (FrameListener *listener : {device->color, device->depth})
        if (listener != nullptr && !static_cast<SyncMultiFrameListener *>(listener)->idle()) return false;
    return true;
  });
}
int stand_in_push(int type, const void *pixels, int width, int height, uint32_t timestamp, uint32_t sequence,
                  float exposure, float gain, float gamma) {
  std::lock_guard<std::mutex> lock(bus);
  for (Played *device : devices) {
    FrameListener *listener = type == Frame::Color ? device->color : device->depth;
    if (!device->streaming || listener == nullptr) continue;
    Frame *frame = new Frame(width, height, 4);
    std::memcpy(frame->data, pixels, size_t(width) * height * 4);
    frame->timestamp = timestamp;
    frame->sequence = sequence;
    frame->exposure = exposure;
    frame->gain = gain;
    frame->gamma = gamma;
    if (listener->onNewFrame(Frame::Type(type), frame)) return 1;
    delete frame;
    return 0;
  }
  return 0;
}
void stand_in_set_camera(const float *infrared_9, const float *color_26) {
  std::memcpy(&infrared_camera, infrared_9, sizeof infrared_camera);
  std::memcpy(&color_camera, color_26, sizeof color_camera);
}
int stand_in_log_level() { return logger == nullptr ? -1 : int(logger->level_); }
}
