import type { Handle } from '../common/handle.ts';
import { decodeText } from '../../bytes/text.ts';
import type { Output } from '../common/output.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Entries that are read before they are written. */
const FLUSH_AFTER = 1000;

/** Print the systemd journal as `journalctl -o short` does: time, host, process, message. */
export async function printJournal(handle: Handle, out: Output): Promise<void> {
  await handle.journalOpen('/var/log/journal');
  try {
    for (let count = 0; await handle.journalNext(); count++) {
      const fields = new Map<string, string>();
      for (const { attrname, attrval } of await handle.journalGet())
        fields.set(attrname, decodeText(attrval));
      out.write(`${journalLine(fields, await handle.journalGetRealtimeUsec())}\n`);
      if (count % FLUSH_AFTER === 0) out.flush();
    }
  } finally {
    await handle.journalClose();
  }
}

/** One entry as a line; `microseconds` since 1970 says when. */
export function journalLine(fields: ReadonlyMap<string, string>, microseconds: number | bigint): string {
  const date = new Date(Number(microseconds) / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2, '0')}`;
  const name = fields.get('SYSLOG_IDENTIFIER') ?? fields.get('_COMM') ?? 'unknown';
  const pid = fields.get('SYSLOG_PID') ?? fields.get('_PID');
  const process = pid === undefined ? name : `${name}[${pid}]`;
  return `${day} ${time} ${fields.get('_HOSTNAME') ?? '-'} ${process}: ${fields.get('MESSAGE') ?? ''}`;
}
