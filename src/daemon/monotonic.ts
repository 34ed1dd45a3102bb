/**
 * Milliseconds that only grow, to measure how long something takes. The first use of `performance` would load much
 * of node:perf_hooks, and a tool's run is short.
 */
export function monotonicMilliseconds(): number {
  return process.uptime() * 1000;
}
