import * as z from 'zod';

const images = z.object({ snapshots: z.array(z.string().regex(/^[^@]+@cowherd-[A-Za-z0-9-]+$/)) });

/** Full names of snapshots of ours as they were noted; none when the note is damaged: what it named is then left alone. */
export function parseImages(json: string): readonly string[] {
  try {
    return images.parse(JSON.parse(json)).snapshots;
  } catch {
    return [];
  }
}
