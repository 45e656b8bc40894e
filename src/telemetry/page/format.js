// Numbers, bytes and times as text.

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => grouped.format(number);

export const short = (number) => compact.format(number);

/** Records per second: small rates with a digit after the point. */
export const perSecond = (rate) => (rate > 0 && rate < 10 ? rate.toFixed(1) : count(rate));

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${unit > 0 && number < 10 ? number.toFixed(1) : count(number)} ${units[unit]}`;
}

/** A duration with its two greatest units. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (days > 0) return `${count(days)} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes >= 10) return `${minutes} min`;
  if (minutes > 0) return `${minutes} min ${s % 60} s`;
  return `${s} s`;
}

/** A time of day, as the log has it. */
export const time = (unix) => `${new Date(unix * 1000).toISOString().slice(11, 19)} UTC`;

export const moment = (unix) => `${new Date(unix * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
