import { EVENT_BITS } from '../../actions/events.ts';
import { decodeText } from '../../bytes/text.ts';
import type { Handle } from './handle.ts';
import { Output } from './output.ts';
import { isTerminal } from './terminal.ts';

/** What says that the appliance was started, which went as it should. */
const MOVED = 'backend auto: the appliance was started';

/**
 * Print warnings of a handle on standard error: what was left out, what was not kept, who else uses an image. That the
 * appliance was started is told to people, who wonder what takes so long, and not to scripts.
 */
export function showWarnings(handle: Handle, tool: string): void {
  handle.setEventCallback((_event, _id, bytes) => {
    const message = decodeText(bytes);
    const isNews = message.startsWith(MOVED);
    if (isNews && !isTerminal(2)) return;
    const err = new Output(2);
    err.write(`${tool}: ${isNews ? '' : 'warning: '}${message}\n`);
    err.flush();
  }, EVENT_BITS.warning);
}
