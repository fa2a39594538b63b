import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** True in a machine whose processor QEMU emulates (TCG), where everything takes some ten times as long; under KVM it has KVM's clock. */
export const EMULATED =
  read('/sys/class/dmi/id/sys_vendor') === 'QEMU' &&
  !read('/sys/devices/system/clocksource/clocksource0/available_clocksource').includes('kvm');

/** True for the status of a Node.js that the emulation made fail, as it does now and then; never seen on a real processor. */
export function isEmulatorsCrash(exitCode: number): boolean {
  const { SIGSEGV, SIGTRAP } = constants.signals;
  return EMULATED && [128 + SIGSEGV, 128 + SIGTRAP].includes(exitCode);
}

const DELAY_MS = 100;

/** An agent's environment with a load that leaves an emulated processor some time for others. */
export function eased(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (!EMULATED) return env;
  const delay = Math.max(DELAY_MS, Number(env['LAB_TX_DELAY_MS'] ?? 0));
  const burst = Math.min(1, Number(env['LAB_BURST'] ?? 0));
  return { ...env, LAB_TX_DELAY_MS: String(delay), LAB_BURST: String(burst) };
}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}
