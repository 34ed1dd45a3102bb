import { statSync } from 'node:fs';
import { isTerminal } from './common/terminal.ts';
import { GuestfsError } from '../errors/index.ts';
import { EXIT } from './common/errors.ts';
import type { Handle } from './common/handle.ts';
import { SharedOptions } from './common/request.ts';
import { runTool, type ToolContext } from './common/run.ts';
import { UsageError } from './common/usage-error.ts';
import { DescriptorLines, FileLines, type LineSource } from './guestfish/lines.ts';
import { canonicalName, findAction } from './guestfish/lookup.ts';
import { findOwnCommand } from './guestfish/own.ts';
import { handleFor, prepared, prepareHandle, refusesWrites, type Request } from './guestfish/prepare.ts';
import { Shell } from './guestfish/shell.ts';
import { OutputSink } from './guestfish/sinks.ts';
import { guestfishSpec } from './specs/guestfish.ts';

/** guestfish. */
export async function main(args: readonly string[]): Promise<number> {
  return runTool(guestfishSpec, args, (context) => guestfish(context, args));
}

async function guestfish(context: ToolContext, args: readonly string[]): Promise<number> {
  const request = readRequest(context);
  const { operands } = context.line;
  if (request.commandHelp) return showHelp(context, operands);
  if (request.prepared.some((text) => text === 'help' || text === 'list')) {
    const { preparedHelp } = await import('./guestfish/prepared-disk.ts');
    context.out.write(preparedHelp());
    return EXIT.ok;
  }
  if (request.remote !== undefined) {
    const { runRemote } = await import('./guestfish/remote/client.ts');
    return runRemote(context, { ...request, pid: request.remote.pid });
  }
  if (request.listen && !request.listening) {
    const { startListening } = await import('./guestfish/remote/listen.ts');
    return startListening(context, args, request.csh);
  }
  const commands = takeDisks(request, operands);
  if (request.listening) {
    const { serve } = await import('./guestfish/remote/server.ts');
    return serve(context, request.pipeError, () => prepared(request));
  }
  const interactive = commands.length === 0 && request.file === undefined && isTerminal(0);
  if (interactive) {
    const { runInteractive } = await import('./guestfish/run-interactive.ts');
    return runInteractive(context, request, () => handleFor(request, true));
  }
  return runBatch(context, request, commands);
}

/** Options of guestfish beside those that tools share. */
function readRequest({ line }: ToolContext): Request {
  const request: Request = {
    shared: new SharedOptions(),
    commandHelp: false,
    csh: false,
    file: undefined,
    inspector: false,
    listen: false,
    listening: false,
    sync: true,
    network: false,
    destPaths: true,
    pipeError: false,
    progressBars: undefined,
    remote: undefined,
    open: false,
    prepared: [],
  };
  let readOnly = false;
  for (const option of line.options) {
    if (request.shared.take(option)) continue;
    switch (option.name) {
      case 'cmd-help':
        request.commandHelp = true;
        break;
      case 'csh':
        request.csh = true;
        break;
      case 'file':
        request.file = option.value;
        break;
      case 'inspector':
        request.inspector = true;
        break;
      case 'listen':
        request.listen = true;
        break;
      case 'listening':
        request.listening = true;
        break;
      case 'network':
        request.network = true;
        break;
      case 'new':
        request.prepared.push(option.value ?? '');
        break;
      case 'no-sync':
        request.sync = false;
        break;
      case 'no-dest-paths':
        request.destPaths = false;
        break;
      case 'pipe-error':
        request.pipeError = true;
        break;
      case 'progress-bars':
        request.progressBars = true;
        break;
      case 'no-progress-bars':
        request.progressBars = false;
        break;
      case 'remote':
        request.remote = { pid: option.value };
        break;
      case 'ro':
        readOnly = true;
        break;
      case 'rw':
        request.shared.writable = true;
        break;
      default:
        break;
    }
  }
  if (readOnly && request.shared.writable) throw new UsageError('--ro and --rw exclude each other');
  if (readOnly && request.shared.live) {
    throw new UsageError('--ro and --live exclude each other: a running guest cannot be read-only');
  }
  request.shared.overlay = readOnly;
  return request;
}

/**
 * Disks named without `-a`: the operands up to the first that is a command and no file (with `-i` and no `-a`: all
 * of them, as older versions had it). Returns the commands that follow.
 */
function takeDisks(request: Request, operands: readonly string[]): string[] {
  const { shared } = request;
  if (shared.disks.length > 0) return [...operands];
  let at = 0;
  while (at < operands.length && isDisk(operands[at] as string, request.inspector)) {
    shared.addDisk(operands[at] as string);
    at++;
  }
  if (at > 0) {
    request.open = !request.inspector && shared.mounts.length === 0;
    if (operands[at] === ':') at++;
  }
  return operands.slice(at);
}

function isDisk(operand: string, inspector: boolean): boolean {
  if (operand === ':') return false;
  const name = canonicalName(operand.replace(/^-+/, ''));
  if (findOwnCommand(name) !== undefined || findAction(name) !== undefined) return false;
  if (inspector) return true;
  try {
    return !statSync(operand).isDirectory();
  } catch {
    // A path that is not there is more likely a mistyped disk than a command.
    return operand.includes('/') || /\.(img|raw|qcow2?|iso|vmdk|vdi|vhdx?)$/i.test(operand);
  }
}

async function showHelp({ out }: ToolContext, operands: readonly string[]): Promise<number> {
  const { commandHelp, commandList } = await import('./guestfish/help.ts');
  if (operands.length === 0) out.write(await commandList());
  else for (const name of operands) out.write(await commandHelp(name));
  return EXIT.ok;
}

/** Commands of the command line, of a file, or of standard input; the first failure ends them. */
async function runBatch(
  context: ToolContext,
  request: Request,
  commands: readonly string[],
): Promise<number> {
  const { out, err } = context;
  const source: LineSource =
    commands.length > 0
      ? new DescriptorLines(0, undefined)
      : request.file === undefined || request.file === '-'
        ? new DescriptorLines(0, '*stdin*')
        : openScript(request.file);
  const handle = await handleFor(request, false);
  const shell = new Shell(handle, new OutputSink(out), new OutputSink(err), source, {
    interactive: false,
    pipeError: request.pipeError,
    keysFromStdin: request.shared.keysFromStdin,
    echoKeys: request.shared.echoKeys,
    refusesWrites: refusesWrites(request),
    newHandle: () => handleFor(request, false),
  });
  if (request.progressBars === true) {
    const { showProgress } = await import('./common/show-progress.ts');
    showProgress(handle);
  }
  let good = true;
  try {
    for (const note of await prepareHandle(handle, request)) {
      err.write(`guestfish: ${note}\n`);
      err.flush();
    }
    good = commands.length === 0 ? await shell.runLines(source) : await shell.runCommandLine(commands);
    out.flush();
  } catch (error) {
    await closeQuietly(shell.handle);
    throw error;
  }
  await shell.handle.close();
  return good ? EXIT.ok : EXIT.failure;
}

function openScript(path: string): FileLines {
  try {
    return new FileLines(path);
  } catch (error) {
    throw new GuestfsError('ENOENT', `cannot read the script ${path}: ${(error as Error).message}`, { path });
  }
}

async function closeQuietly(handle: Handle): Promise<void> {
  try {
    await handle.close();
  } catch {
    // The error that led here is the one to tell.
  }
}
