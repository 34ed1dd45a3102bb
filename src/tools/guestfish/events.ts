import { spawnSync } from 'node:child_process';
import { EVENT_BITS, type EventName } from '../../actions/events.ts';
import { decodeText } from '../../bytes/text.ts';
import { ShellError } from './shell-error.ts';
import type { Shell } from './shell.ts';

/** The events of a list like `close,trace`, or `*`. */
function parseEvents(list: string): { mask: number; names: string } {
  if (list === '*') {
    const all = Object.values(EVENT_BITS).reduce((mask, bit) => mask | bit, 0);
    return { mask: all, names: '*' };
  }
  let mask = 0;
  for (const name of list.split(',')) {
    if (!Object.hasOwn(EVENT_BITS, name)) {
      throw new ShellError(`event: unknown event '${name}' (known: ${Object.keys(EVENT_BITS).join(', ')})`);
    }
    mask |= EVENT_BITS[name as EventName];
  }
  return { mask, names: list };
}

function nameOf(bit: number): string {
  return Object.entries(EVENT_BITS).find(([, value]) => value === bit)?.[0] ?? String(bit);
}

/** The `event` command: register a host script. */
export function addEventHandler(shell: Shell, name: string, list: string, script: string): void {
  const { mask, names } = parseEvents(list);
  const id = shell.handle.setEventCallback((bit, _handle, message, numbers) => {
    const args = numbers.length > 0 ? numbers.map(String) : message.length > 0 ? [decodeText(message)] : [];
    runScript(shell, script, nameOf(bit), args);
  }, mask);
  shell.eventHandlers.push({ name, events: names, script, id });
}

function runScript(shell: Shell, script: string, event: string, args: readonly string[]): void {
  void shell.out.flush();
  const hostShell = process.env['SHELL'] ?? '/bin/sh';
  const run = spawnSync(hostShell, ['-c', script, hostShell, ...args], {
    stdio: ['inherit', 'output' in shell.out ? 'inherit' : 'pipe', 'inherit'],
    env: { ...process.env, EVENT: event },
  });
  if (run.stdout !== null) shell.out.writeBytes(run.stdout);
}

/** The `delete-event` command: remove all handlers of a name. */
export function removeEventHandlers(shell: Shell, name: string): void {
  const found = shell.eventHandlers.filter((handler) => handler.name === name);
  if (found.length === 0) throw new ShellError(`delete-event: there is no event handler '${name}'`);
  for (const handler of found) {
    shell.handle.deleteEventCallback(handler.id);
    shell.eventHandlers.splice(shell.eventHandlers.indexOf(handler), 1);
  }
}
