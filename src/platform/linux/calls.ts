import { nativeKernelCalls, type KernelCalls } from './kernel-calls.ts';
import { ToolKernelCalls } from './tool-calls.ts';

/** The calls of the kernel, through koffi where it is there, else through small programs. */
export function kernelCalls(): KernelCalls {
  return nativeKernelCalls() ?? new ToolKernelCalls();
}
