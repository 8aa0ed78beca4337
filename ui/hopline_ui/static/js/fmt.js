// Figures as people read them; the same functions as hopline_ui/fmt.py, tested on the same vectors.

export const NONE = "–";

const UNITS = [[1e3, "µs", 1], [1e6, "ms", 1e3], [6e7, "s", 1e6]];

/** Three significant digits and a unit. @param {number|null} us */
export function duration(us) {
  if (us === null || us === undefined) return NONE;
  if (us < 0) return "−" + duration(-us);
  for (const [limit, unit, scale] of UNITS) {
    const text = three(us / scale);
    if (us < limit && Number(text) * scale < limit) return `${text} ${unit}`;
  }
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** A round number of an axis: short, so long times stay in seconds. */
export function tick(us) {
  return us < 6e7 ? duration(us) : `${count(us / 1e6)} s`;
}

function three(value) {
  if (value >= 99.95) return value.toFixed(0);
  return trim(value.toFixed(value >= 9.995 ? 1 : 2));
}

function trim(text) {
  return text.replace(/0+$/, "").replace(/\.$/, "");
}

function pad(value, width = 2) {
  return String(value).padStart(width, "0");
}

/** A whole number with thousands separators. */
export function count(value) {
  return value === null || value === undefined ? NONE : group(Math.round(value).toString());
}

function group(text) {
  return text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Calls per second. */
export function rate(value) {
  if (value === null || value === undefined) return NONE;
  if (value >= 100) return group(value.toFixed(0));
  if (value >= 10) return value.toFixed(1);
  if (value === 0) return "0";
  if (value >= 0.01) return trim(value.toFixed(2));
  return value >= 0.001 ? value.toFixed(3) : "<0.001";
}

/** A fraction in per cent, never rounded to 0 or 100 when it is neither. */
export function share(value) {
  if (value === null || value === undefined) return NONE;
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.01) return "<0.01 %";
  if (percent < 100 && Math.round(percent * 100) / 100 >= 100) return ">99.99 %";
  return `${trim(percent.toFixed(percent < 10 || percent > 90 ? 2 : 1))} %`;
}

/** The parts of a time in UTC or in the browser's zone. */
function parts(us, zone) {
  const date = new Date(us / 1000);
  const utc = zone !== "local";
  const get = (name) => date[(utc ? "getUTC" : "get") + name]();
  return {
    day: `${get("FullYear")}-${pad(get("Month") + 1)}-${pad(get("Date"))}`,
    time: `${pad(get("Hours"))}:${pad(get("Minutes"))}:${pad(get("Seconds"))}`,
    ms: pad(Math.floor(us / 1000) % 1000, 3),
  };
}

/** A time as `clock`, `short`, `minute`, `stamp` or `day`. @param {number} us @param {string} form @param {string} zone */
export function moment(us, form, zone) {
  const { day, time, ms } = parts(us, zone);
  if (form === "short") return time;
  if (form === "minute") return `${day.slice(5)} ${time.slice(0, 5)}`;
  if (form === "clock") return `${time}.${ms}`;
  return form === "day" ? day : `${day} ${time}`;
}

/** `UTC`, or the browser's offset as `UTC+8`. */
export function zoneName(zone, at = new Date()) {
  if (zone !== "local") return "UTC";
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const whole = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? "-" : "+"}${whole}${rest ? ":" + pad(rest) : ""}`;
}
