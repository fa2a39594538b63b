import * as z from 'zod';
import { count, flag, labels, mounts, state, text } from './schema-parts.ts';

const listedContainer = z.object({
  Id: z.string().min(1),
  Names: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
  Image: text,
  ImageID: text,
  State: state,
  Labels: labels,
  Mounts: mounts,
  HostConfig: z.object({ NetworkMode: text }).nullish(),
});

/** `GET /containers/json`. */
export const containerListing = z.array(listedContainer);

/** `GET /containers/ID/json`. Durations of Healthcheck are nanoseconds. */
export const inspectedContainer = z.object({
  Id: z.string().min(1),
  Name: text,
  Image: text,
  RestartCount: count,
  Mounts: mounts,
  State: z.object({
    Status: state,
    Pid: count,
    StartedAt: text,
    ExitCode: count,
    Health: z.object({ Status: text }).nullish(),
  }),
  Config: z.object({
    Image: text,
    Labels: labels,
    StopTimeout: z.number().nullish(),
    Healthcheck: z
      .object({
        Test: z.array(z.string()).nullish(),
        Interval: count,
        Timeout: count,
        StartPeriod: count,
        Retries: count,
      })
      .nullish(),
  }),
  HostConfig: z.object({
    NetworkMode: text,
    IpcMode: text,
    PidMode: text,
    AutoRemove: flag,
    RestartPolicy: z.object({ Name: text }).nullish(),
    Runtime: text,
  }),
});

export type InspectedContainer = z.output<typeof inspectedContainer>;

/** `GET /volumes`; none is null, and what says nothing of volumes is something else. */
export const volumeListing = z.object({
  Volumes: z
    .array(
      z.object({
        Name: z.string().min(1),
        Driver: text,
        Mountpoint: text,
        CreatedAt: z.string().nullish(),
        Labels: labels,
        Options: labels,
      }),
    )
    .nullable()
    .transform((list) => list ?? []),
});

/** `GET /info`. */
export const daemonInfo = z.object({
  DockerRootDir: z.string().startsWith('/'),
  ServerVersion: text,
  Driver: text,
  LiveRestoreEnabled: flag,
});

/** `GET /images/ID/json`. */
export const imageInfo = z.object({
  RepoDigests: z
    .array(z.string())
    .nullish()
    .transform((list) => list ?? []),
});

/** `GET /exec/ID/json`. */
export const execInfo = z.object({ Running: flag, ExitCode: z.number().nullish() });

/** A line of `GET /events`. */
export const eventLine = z.object({ Type: text, Action: text, Actor: z.object({ ID: text }) });
