const SECONDS_PER_DAY = 86400;
/** Days of four years, one of them a leap year. */
const DAYS_OF_FOUR_YEARS = 1461;
/** First and last second that FAT can say: 1980 and the end of 2107. */
const FIRST = 315_532_800;
const LAST = 4_354_819_199;
/** Days from 1970 to 1980, where FAT's calendar starts. */
const DAYS_TO_1980 = 3652;
/** Years since 1980 of 2100, which is no leap year. */
const YEAR_2100 = 120;
/** Days from 1980 to the 1st of March 2100. */
const DAYS_TO_MARCH_2100 = 43_889;
/** Days before each month; what is no month counts as Linux counts it. */
const DAYS_BEFORE = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 0, 0, 0];

/**
 * A date and time of FAT as seconds since 1970: 7 bits year since 1980, 4 month, 5 day; 5 bits hour, 6 minute, 5
 * pairs of seconds. Fields out of range carry over as Linux lets them. `timeOffset` is how many minutes the clock
 * was ahead of UTC.
 */
export function fatSeconds(date: number, time: number, timeOffset: number): number {
  const year = date >> 9;
  const month = Math.max(1, (date >> 5) & 0xf);
  const day = Math.max(1, date & 0x1f) - 1;
  const isLeap = (year & 3) === 0 && year !== YEAR_2100;
  let leapDays = (year + 3) >> 2;
  if (year > YEAR_2100) leapDays--;
  if (isLeap && month > 2) leapDays++;
  const days = year * 365 + leapDays + DAYS_BEFORE[month]! + day + DAYS_TO_1980;
  const seconds = (time >> 11) * 3600 + ((time >> 5) & 0x3f) * 60 + (time & 0x1f) * 2;
  return days * SECONDS_PER_DAY + seconds - timeOffset * 60;
}

/** A date and a time of FAT, with hundredths of a second beyond its even ones (0 to 199). */
export interface FatTime {
  date: number;
  time: number;
  hundredths: number;
}

/** Seconds since 1970 as FAT keeps them; what is before 1980 or after 2107 becomes the nearest it can say, as in Linux. */
export function fatTime(seconds: number, nanoseconds: number, timeOffset: number): FatTime {
  const local = Math.floor(seconds) + timeOffset * 60;
  if (local < FIRST) return { date: (1 << 5) | 1, time: 0, hundredths: 0 };
  if (local > LAST) return { date: 0xff9f, time: 0xbf7d, hundredths: 199 };
  let days = Math.floor(local / SECONDS_PER_DAY) - DAYS_TO_1980;
  const second = local % SECONDS_PER_DAY;
  // As if 2100 were a leap year: a day more from its 29th of February on.
  if (days >= DAYS_TO_MARCH_2100) days++;
  const four = Math.floor(days / DAYS_OF_FOUR_YEARS);
  let rest = days % DAYS_OF_FOUR_YEARS;
  let year = four * 4;
  if (rest >= 366) {
    year += 1 + Math.floor((rest - 366) / 365);
    rest = (rest - 366) % 365;
  }
  const isLeap = year % 4 === 0;
  let month = 12;
  const before = (number: number): number => DAYS_BEFORE[number]! + (isLeap && number > 2 ? 1 : 0);
  while (before(month) > rest) month--;
  const day = rest - before(month) + 1;
  const hour = Math.floor(second / 3600);
  const minute = Math.floor((second % 3600) / 60);
  return {
    date: (year << 9) | (month << 5) | day,
    time: (hour << 11) | (minute << 5) | ((second % 60) >> 1),
    hundredths: (second % 2) * 100 + Math.floor(nanoseconds / 10_000_000),
  };
}
