import { GuestfsError } from '../../errors/index.ts';
import { ZSTD_WASM } from './wasm.ts';

/** What the WebAssembly module exports, as far as it is used. */
interface ZstdExports {
  memory: { readonly buffer: ArrayBuffer };
  ZSTD_createDCtx(): number;
  ZSTD_freeDCtx(context: number): number;
  ZSTD_decompressStream(context: number, output: number, input: number): number;
  malloc(size: number): number;
  free(pointer: number): void;
}

/** The part of the WebAssembly JavaScript interface that is used; the Node types of this version lack it. */
interface WasmInterface {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
}

const wasm = (globalThis as unknown as { WebAssembly: WasmInterface }).WebAssembly;
let compiled: object | undefined;

function instantiate(): ZstdExports {
  compiled ??= new wasm.Module(Buffer.from(ZSTD_WASM, 'base64'));
  const instance = new wasm.Instance(compiled, { env: { emscripten_notify_memory_growth() {} } });
  return instance.exports as ZstdExports;
}

function noMemory(what: string, cause?: unknown): GuestfsError {
  return new GuestfsError('ENOMEM', `the zstd decoder has no memory for ${what}`, {
    structure: 'zstd frame',
    cause,
  });
}

/** Bytes of ZSTD_inBuffer and of ZSTD_outBuffer: pointer, size, position. */
const BUFFER_STRUCT = 12;

/** How one step of a stream went. */
export interface ZstdStep {
  /** Bytes taken from the input. */
  taken: number;
  /** Bytes given to the output. */
  given: number;
  /** 0: a frame is complete and flushed. Negative: the data are damaged. Else the frame goes on. */
  result: number;
}

/**
 * The zstd decoder in a WebAssembly instance of its own, driven synchronously. The instance's memory is bounded
 * by the largest window that the decoder accepts, 128 MiB, and goes with the object.
 */
export class ZstdStream {
  readonly #zstd: ZstdExports;
  readonly #structs: number;
  #context: number;
  #input = 0;
  #inputSize = 0;
  #output = 0;
  #outputSize = 0;

  constructor() {
    this.#zstd = instantiate();
    this.#structs = this.#zstd.malloc(2 * BUFFER_STRUCT);
    this.#context = this.#zstd.ZSTD_createDCtx();
  }

  /** Forget an unfinished or damaged frame. */
  reset(): void {
    this.#zstd.ZSTD_freeDCtx(this.#context);
    this.#context = this.#zstd.ZSTD_createDCtx();
  }

  /** Decompress as much of `from` as `into` has room for. */
  step(from: Uint8Array, into: Uint8Array): ZstdStep {
    const zstd = this.#zstd;
    this.#reserve(from.length, into.length);
    let heap = new Uint8Array(zstd.memory.buffer);
    heap.set(from, this.#input);
    let structs = new DataView(zstd.memory.buffer, this.#structs, 2 * BUFFER_STRUCT);
    structs.setUint32(0, this.#input, true);
    structs.setUint32(4, from.length, true);
    structs.setUint32(8, 0, true);
    structs.setUint32(12, this.#output, true);
    structs.setUint32(16, into.length, true);
    structs.setUint32(20, 0, true);
    let result: number;
    try {
      result = zstd.ZSTD_decompressStream(this.#context, this.#structs + BUFFER_STRUCT, this.#structs);
    } catch (error) {
      // The module traps where its memory cannot grow.
      throw noMemory('the window of the frame', error);
    }
    // The memory may have grown, which detaches views of it.
    if (heap.buffer !== zstd.memory.buffer) {
      heap = new Uint8Array(zstd.memory.buffer);
      structs = new DataView(zstd.memory.buffer, this.#structs, 2 * BUFFER_STRUCT);
    }
    const taken = structs.getUint32(8, true);
    const given = structs.getUint32(20, true);
    into.set(heap.subarray(this.#output, this.#output + given));
    return { taken, given, result };
  }

  #reserve(inputSize: number, outputSize: number): void {
    if (inputSize > this.#inputSize) {
      this.#zstd.free(this.#input);
      this.#input = this.#allocate(inputSize);
      this.#inputSize = inputSize;
    }
    if (outputSize > this.#outputSize) {
      this.#zstd.free(this.#output);
      this.#output = this.#allocate(outputSize);
      this.#outputSize = outputSize;
    }
  }

  #allocate(size: number): number {
    const pointer = this.#zstd.malloc(size);
    if (pointer === 0) throw noMemory(`${size} bytes`);
    return pointer;
  }
}
