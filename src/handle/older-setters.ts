import { EVENT_BITS, type EventName } from '../actions/events.ts';
import { decodeText } from '../bytes/text.ts';
import type { EventRegistry } from './events.ts';

type Call = (...payload: never[]) => void;

/** The five setters that came before event callbacks: each keeps one callback, which the next replaces. */
export class OlderSetters {
  readonly #events: EventRegistry;
  readonly #current = new Map<string, number>();

  constructor(events: EventRegistry) {
    this.#events = events;
  }

  /** Replace the callback of a setter; `route` says which events lead to it. */
  set<F extends Call>(
    setter: string,
    callback: F | null,
    route: (call: F) => Partial<Record<EventName, F>>,
  ): void {
    const old = this.#current.get(setter);
    if (old !== undefined) this.#events.deleteCallback(old);
    this.#current.delete(setter);
    if (callback === null) return;
    if (typeof callback !== 'function') throw new TypeError('the callback must be a function or null');
    let bits = 0;
    for (const event of Object.keys(route(callback)) as EventName[]) bits |= EVENT_BITS[event];
    const run = callback as unknown as (...payload: unknown[]) => void;
    const handle = this.#events.setCallback((event, _handle, message, integers) => {
      if (event === EVENT_BITS.progress) {
        const [procedure, serial, position, total] = integers;
        run({ procedure, serial, position, total });
      } else if (event === EVENT_BITS.appliance || event === EVENT_BITS.library) {
        run(decodeText(message));
      } else {
        run();
      }
    }, bits);
    this.#current.set(setter, handle);
  }
}
