import type { ContainerDetails } from '../docker/docker.ts';
import type { Context } from './context.ts';
import { coverageFindings } from './coverage-findings.ts';
import { coverageOf, type AgentCoverage } from './coverage.ts';
import { ambiguityFindings, permissionFindings, toolFindings } from './doctor-host.ts';
import { inspectionFindings } from './doctor-inspect.ts';
import { activeSwapfiles, swapFindings, type Swapfile } from './doctor-swap.ts';
import {
  hostProcessFindings,
  inspectUsers,
  overseerFindings,
  userFindings,
} from './doctor-users.ts';
import { backupFindings, placementFindings } from './doctor-volumes.ts';
import { worstFirst, type Finding } from './finding.ts';
import { frozenFindings, runtimeFindings } from './frozen-findings.ts';
import type { PlacedAgent } from './host.ts';
import { hostileFindings } from './hostile-findings.ts';
import { usersOf } from './locking.ts';
import { stagingFindings } from './staging-findings.ts';
import { clockFindings, storeFindings } from './store-findings.ts';
import { surveyHost, type Survey } from './survey.ts';

export interface DoctorDocument {
  /** The worst first. */
  readonly findings: readonly Finding[];
  /** The coverage ledger. */
  readonly agents: readonly AgentCoverage[];
}

/**
 * Checks the host and says for each chosen agent what is protected and what is not, each finding with its mend. Takes no
 * lock and changes nothing. What cannot be seen is a finding too; throws AGENT_UNKNOWN and AGENT_AMBIGUOUS alone.
 */
export async function doctor(
  context: Context,
  patterns: readonly string[],
): Promise<DoctorDocument> {
  const survey = await surveyHost(context, patterns);
  const users = await runningUsers(context, survey);
  const swapfiles = await activeSwapfiles(await context.mounts());
  const [host, looks, staged] = await Promise.all([
    hostFindings(context, survey),
    inspectionFindings(context, survey, swapfiles),
    stagingFindings(context, survey.agents),
  ]);
  const ofAgents = await Promise.all(
    survey.agents.map(async (agent) => agentFindings(survey, { agent, users, swapfiles })),
  );
  const agents = survey.agents.map((agent) => ledgerOf(survey, agent, users));
  return { findings: worstFirst([...host, ...ofAgents.flat(), ...staged, ...looks]), agents };
}

type Users = ReadonlyMap<string, ContainerDetails>;

async function runningUsers(context: Context, survey: Survey): Promise<Users> {
  const { agents, observation } = survey;
  const docker = await context.docker().catch(() => null);
  return inspectUsers(docker, agents, observation.containers);
}

async function hostFindings(context: Context, survey: Survey): Promise<readonly Finding[]> {
  const { observation, agents, stores, points } = survey;
  const { config, runtimeDir } = context;
  const placements = agents.flatMap((agent) => agent.placements);
  const filesystems = new Set(placements.map(({ filesystem }) => filesystem));
  const backups = stores.map(async (store) => backupFindings(store, agents));
  return [
    ...survey.findings,
    ...permissionFindings(process.geteuid?.() ?? 0),
    ...(await toolFindings(config, filesystems)),
    ...(await runtimeFindings(runtimeDir)),
    ...frozenFindings(runtimeDir, observation.containers),
    ...clockFindings(points, context.now()),
    ...stores.flatMap((store) => storeFindings(store, config)),
    ...ambiguityFindings(observation.ambiguous),
    ...overseerFindings(agents, observation.containers),
    ...(await Promise.all(backups)).flat(),
  ];
}

interface AgentCheck {
  readonly agent: PlacedAgent;
  readonly users: Users;
  readonly swapfiles: readonly Swapfile[];
}

async function agentFindings(
  survey: Survey,
  { agent, users, swapfiles }: AgentCheck,
): Promise<readonly Finding[]> {
  return [
    ...coverageFindings(agent, survey),
    ...hostileFindings(agent, survey.points),
    ...placementFindings(agent),
    ...swapFindings(agent, swapfiles),
    ...userFindings(agent, usersIn(survey, agent, users)),
    ...(await hostProcessFindings(agent)),
  ];
}

function usersIn(survey: Survey, agent: PlacedAgent, users: Users): readonly ContainerDetails[] {
  const all = usersOf(agent, survey.observation.containers);
  return all.flatMap(({ id }) => users.get(id) ?? []);
}

const BLOCKING: readonly Finding['code'][] = ['AUTOREMOVE_USER', 'ORCHESTRATED_USER'];

function ledgerOf(survey: Survey, agent: PlacedAgent, users: Users): AgentCoverage {
  const found = userFindings(agent, usersIn(survey, agent, users));
  return coverageOf(agent, {
    points: survey.points,
    instant: (fsId) =>
      survey.stores.some(({ store }) => store.fsId === fsId && store.capabilities.instantRollback),
    blocked: found.find(({ code }) => BLOCKING.includes(code))?.message ?? null,
  });
}
