/* A libnvidia-ml with eight busy GPUs, for tests and benchmarks; laid out as NVIDIA's public nvml.h says. */
#include <stdint.h>
#include <string.h>

#define NOT_SUPPORTED 3
#define INSUFFICIENT_SIZE 7
#define VERSION_MISMATCH 25

struct utilization { unsigned gpu, memory; };
struct memory { unsigned version; unsigned long long total, reserved, free, used; };
union value { double d; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; int si; unsigned short us; };
struct field_value { unsigned field, scope; long long timestamp, latency; unsigned type, status; union value value; };

static unsigned long long counted;

int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 8; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **gpu) { *gpu = (void *)(0x700000000000ull + index); return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned length) { strncpy(text, "570.124.06", length); return 0; }
int nvmlDeviceGetName(void *gpu, char *text, unsigned length) { strncpy(text, "NVIDIA H100 80GB HBM3", length); return 0; }
int nvmlDeviceGetUUID(void *gpu, char *text, unsigned length) {
  strncpy(text, "GPU-0", length);
  text[4] = '0' + ((uintptr_t)gpu & 15);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void *gpu, struct utilization *rates) { rates->gpu = 97; rates->memory = 41; return 0; }
int nvmlDeviceGetMemoryInfo_v2(void *gpu, struct memory *memory) {
  if (memory->version != (sizeof *memory | 2 << 24)) return VERSION_MISMATCH;
  memory->total = 85520809984ull;
  memory->used = 70123456789ull;
  return 0;
}
int nvmlDeviceGetPowerUsage(void *gpu, unsigned *milliwatts) { *milliwatts = 689412; return 0; }
int nvmlDeviceGetEnforcedPowerLimit(void *gpu, unsigned *milliwatts) { *milliwatts = 700000; return 0; }
int nvmlDeviceGetClockInfo(void *gpu, unsigned clock, unsigned *mhz) { *mhz = clock == 1 ? 1755 : 1; return 0; }
int nvmlDeviceGetMaxClockInfo(void *gpu, unsigned clock, unsigned *mhz) { *mhz = clock == 1 ? 1980 : 1; return 0; }
int nvmlDeviceGetTemperature(void *gpu, unsigned sensor, unsigned *celsius) { *celsius = 66; return 0; }
int nvmlDeviceGetTemperatureThreshold(void *gpu, unsigned kind, unsigned *celsius) {
  if (kind != 1) return NOT_SUPPORTED;
  *celsius = 89;
  return 0;
}
int nvmlDeviceGetCurrentClocksEventReasons(void *gpu, unsigned long long *reasons) { *reasons = 4; return 0; }
int nvmlDeviceGetComputeRunningProcesses_v3(void *gpu, unsigned *count, void *infos) {
  *count = 1;
  return infos ? NOT_SUPPORTED : INSUFFICIENT_SIZE;
}
int nvmlDeviceGetFieldValues(void *gpu, int count, struct field_value *values) {
  for (int i = 0; i < count; i++) {
    values[i].status = 0;
    values[i].type = 3;
    values[i].value.ull = counted += 1000000;
  }
  return 0;
}
