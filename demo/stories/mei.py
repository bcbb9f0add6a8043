"""Mei writes firmware: an overloaded provider, a datasheet looked up, a job by script."""

from collections.abc import Iterator

from demo.calls import bash, edit, grep, read, web_search
from demo.transcript import Transcript, Where

SENSOR = Where("mei", "/Users/mei/src/sensor-fw", "i2c-timeout", "claude-opus-4-7")
SCRIPT = Where(
    "mei", "/Users/mei/src/sensor-fw", "main", "claude-haiku-4-5-20251001", entrypoint="sdk-cli"
)

DRIVER = """
#include "bme.h"
#include "i2c.h"

#define BME_ADDR      0x76
#define BME_TIMEOUT   5   /* ms */

static int read_reg(uint8_t reg, uint8_t *out, size_t n)
{
    int rc = i2c_write(BME_ADDR, &reg, 1, BME_TIMEOUT);
    if (rc != 0)
        return rc;
    return i2c_read(BME_ADDR, out, n, BME_TIMEOUT);
}

int bme_read(struct bme_sample *s)
{
    uint8_t raw[8];
    int rc = read_reg(0xF7, raw, sizeof raw);
    if (rc != 0)
        return rc;
    s->pressure = (raw[0] << 12) | (raw[1] << 4) | (raw[2] >> 4);
    s->temperature = (raw[3] << 12) | (raw[4] << 4) | (raw[5] >> 4);
    s->humidity = (raw[6] << 8) | raw[7];
    return 0;
}
"""


def bus_timeout() -> Iterator[Transcript]:
    """The provider is overloaded in the middle; the user interrupts and comes back."""
    t = Transcript(SENSOR, "2026-10-13T06:55:00", "mei/bus")
    t.prompt("bme_read times out on the long cable. what is the datasheet's startup time?")
    t.answer(
        "",
        read("/Users/mei/src/sensor-fw/drivers/bme.c", DRIVER),
        web_search(
            "BME280 startup time after power on datasheet ms",
            "Start-up time: typically 2 ms after VDD and VDDIO have settled; a measurement with "
            "oversampling x16 on all channels takes up to 112.8 ms.",
        ),
        thinking=True,
    )
    for attempt in (1, 2, 3):
        t.api_error(attempt)
    t.gave_up("API Error: 529 Overloaded. Please try again later.")
    t.prompt("continue", after_s=240)
    t.answer(
        "Startup takes 2 ms, but a measurement with full oversampling takes up to 113 ms. The driver waits "
        "5 ms for the bus, not for the measurement, so a read during a conversion fails on a slow bus.",
        thinking=True,
    )
    t.done()
    t.prompt("make the timeout a Kconfig option")
    t.answer(
        "", edit("/Users/mei/src/sensor-fw/drivers/Kconfig", "config BME", "config BME_TIMEOUT_MS")
    )
    t.interrupt()
    t.prompt(
        "no Kconfig, sorry: we use devicetree for anything that depends on the board. timing included"
    )
    t.answer(
        "Then it belongs into the binding.",
        bash("git checkout drivers/Kconfig", "Updated 1 path from the index"),
        grep(
            "bosch,bme",
            "dts/bindings/sensor/bosch,bme.yaml:1:compatible: bosch,bme280",
            "boards/longcable.dts:88:",
        ),
    )
    t.answer(
        "",
        edit(
            "/Users/mei/src/sensor-fw/dts/bindings/sensor/bosch,bme.yaml",
            "compatible: bosch,bme280",
            "compatible: bosch,bme280\nproperties:\n  bus-timeout-ms:\n    type: int\n    default: 5",
        ),
        edit(
            "/Users/mei/src/sensor-fw/drivers/bme.c",
            "#define BME_TIMEOUT   5   /* ms */",
            "#define BME_TIMEOUT   DT_PROP(DT_NODELABEL(bme), bus_timeout_ms)",
        ),
        bash(
            "west build -b longcable", "error: 'bus_timeout_ms' undeclared", exit_code=1, seconds=31
        ),
    )
    t.answer(
        "The board does not include the binding yet.",
        edit(
            "/Users/mei/src/sensor-fw/boards/longcable.dts",
            "reg = <0x76>;",
            "reg = <0x76>;\nbus-timeout-ms = <120>;",
        ),
        bash("west build -b longcable", "[148/148] Linking C executable zephyr.elf", seconds=44),
    )
    t.answer("It builds. The long-cable board waits 120 ms, every other board 5 ms as before.")
    t.done()
    t.note("ai-title", aiTitle="Bus timeout from the devicetree")
    yield t


def nightly() -> Iterator[Transcript]:
    """A scripted job: same prompt for each board, no person at the keyboard."""
    t = Transcript(SCRIPT, "2026-10-15T23:30:00", "mei/nightly")
    for board in ("nano", "longcable", "outdoor", "bench", "legacy"):
        t.prompt(f"Build {board} and report its size.", after_s=1)
        if board == "legacy":
            t.answer(
                "",
                bash(
                    "west build -b legacy",
                    "region `FLASH' overflowed by 412 bytes",
                    exit_code=1,
                    seconds=38,
                ),
            )
            t.answer(
                "legacy does not fit any more: 412 bytes too large. The calibration table grew in 71bd20e."
            )
        else:
            used = 180 + 7 * len(board)
            t.answer(
                "", bash(f"west build -b {board}", SIZES.format(board=board, used=used), seconds=41)
            )
            t.answer(f"{board}: {used} KB of 256 KB flash.")
        t.done()
    yield t


SIZES = """\
[148/148] Linking C executable zephyr.elf ({board})
Memory region         Used Size  Region Size  %age Used
           FLASH:        {used} KB       256 KB     72.31%
             RAM:         41 KB        64 KB     64.06%"""


def late_night() -> Iterator[Transcript]:
    """A session that crosses midnight and was left in the middle of a turn."""
    t = Transcript(SENSOR, "2026-10-16T23:52:00", "mei/midnight")
    t.prompt("why does humidity jump by 3 % at midnight?")
    t.answer("", bash("tail -40 logs/outdoor.csv", HUMIDITY, seconds=0.5), thinking=True)
    t.answer(
        "The jump is at 00:00:00 exactly, so it is no weather. Let me see what runs then.",
        bash(
            "grep -rn midnight src",
            "src/rtc.c:61: /* midnight: recalibrate */\nsrc/log.c:17: rotate at midnight",
        ),
    )
    t.answer("", read("/Users/mei/src/sensor-fw/drivers/bme.c", DRIVER))
    yield t


HUMIDITY = "\n".join(
    [f"2026-10-15,23:{40 + minute}:00,61.{minute % 10},14.{minute % 7}" for minute in range(20)]
    + [f"2026-10-16,00:{minute:02d}:00,64.{minute % 10},14.{minute % 7}" for minute in range(20)]
)

STORIES = (bus_timeout, nightly, late_night)
