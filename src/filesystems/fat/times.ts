const SECONDS_PER_DAY = 86400;
/** Days from 1970 to 1980, where FAT's calendar starts. */
const DAYS_TO_1980 = 3652;
/** Years since 1980 of 2100, which is no leap year. */
const YEAR_2100 = 120;
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
