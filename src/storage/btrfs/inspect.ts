import type { InspectRequest, VolumeFacts } from '../driver.ts';
import { hostPath, type Layout } from '../files/layout.ts';
import { lookThrough } from '../tree/look-through.ts';
import { showSubvolume } from './subvolume.ts';

/** `Store.inspect`: flags from a read-only image, identity from the live subvolume. Throws TOOL_MISSING, TOOL_FAILED. */
export async function inspectVolume(layout: Layout, request: InspectRequest): Promise<VolumeFacts> {
  const { volume } = request;
  const seen = await lookThrough(request);
  const receivedGuid = volume.isolated
    ? (await showSubvolume(hostPath(layout, volume.pathInFs))).receivedUuid
    : null;
  return { ...seen, receivedGuid };
}
