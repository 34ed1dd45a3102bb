import { EVENT_BITS } from '../../actions/events.ts';
import { decodeText } from '../../bytes/text.ts';
import type { Handle } from './handle.ts';
import { Output } from './output.ts';

/** Print warnings of a handle on standard error: what was left out, what was not kept, who else uses an image. */
export function showWarnings(handle: Handle, tool: string): void {
  handle.setEventCallback((_event, _id, message) => {
    const err = new Output(2);
    err.write(`${tool}: warning: ${decodeText(message)}\n`);
    err.flush();
  }, EVENT_BITS.warning);
}
