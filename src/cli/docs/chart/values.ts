import { z } from 'zod';

/*
 * The values of the Helm chart (infra/helm/vimi). Its values.yaml and values.schema.json are generated from here, so a value
 * that Helm accepts is one that the templates know.
 */

/** Of Kubernetes' own shape, which its API server checks. */
const open = z.record(z.string(), z.unknown());
const list = z.array(open);
const labels = z.record(z.string(), z.string());
const count = z.number().int();

const image = (repository: string) =>
  z
    .strictObject({
      repository: z.string().min(1).default(repository).describe('Where you pushed the image.'),
      tag: z.string().default('').describe('Empty: the appVersion of the chart.'),
      pullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
    })
    .prefault({});

const existingSecret = z.union([z.literal(''), z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/)]).default('');

const quantity = z.union([count.min(0), z.string().regex(/^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/)]);
const resources = (given: { requests: Record<string, string>; limits: Record<string, string | number> }) =>
  z
    .strictObject({
      requests: z.record(z.string(), quantity).default(given.requests),
      limits: z.record(z.string(), quantity).default(given.limits),
    })
    .prefault({});

const placement = {
  nodeSelector: labels.default({}).describe('Labels that a node must have.'),
  tolerations: list.default([]),
  affinity: open.default({}),
  topologySpreadConstraints: list.default([]),
};

const autoscaling = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Makes a ScaledObject; KEDA must be installed.'),
    minReplicas: count
      .min(1)
      .default(1)
      .describe(
        'At least 1: the processes themselves report how many events wait, so with none nobody would report it.',
      ),
    maxReplicas: count.min(1).default(4).describe('More replicas than partitions of the input topics only wait.'),
    waitingEventsPerReplica: count.min(1).default(32).describe('Waiting events that one replica is to have.'),
    cooldownSeconds: count.min(0).default(300).describe('How long fewer events must wait before replicas are removed.'),
  })
  .prefault({});

/** A Deployment of `vimi run`. */
const run = (pipelines: string[]) => ({
  replicas: count.min(1).default(1).describe('Ignored with autoscaling.'),
  pipelines: z
    .array(z.string().min(1))
    .default(pipelines)
    .describe('The pipelines of the topology that it runs. None: it serves HTTP alone.'),
  autoscaling,
  ...placement,
});

export const chartValues = z.strictObject({
  image: image('vimi').describe('Built from infra/docker/Dockerfile, or Dockerfile.cuda.'),
  imagePullSecrets: z.array(z.strictObject({ name: z.string().min(1) })).default([]),
  profile: z.string().min(1).default('cluster').describe('The profile of the topology.'),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .describe('Variables without secrets, such as KAFKA_BROKERS and S3_ENDPOINT.'),
  existingSecret: existingSecret.describe(
    'A Secret whose keys become variables: S3_ACCESS_KEY, S3_SECRET_KEY and others that the topology names.',
  ),
  secretFiles: existingSecret.describe(
    'A Secret whose keys become files: the topology reads them as `$' + '{file:/run/secrets/vimi/KEY}`.',
  ),
  apiKeys: z
    .strictObject({
      existingSecret: existingSecret.describe(
        'Required: a Secret with the key keys.json, the file that `vimi keys add` writes.',
      ),
    })
    .prefault({}),
  http: z
    .strictObject({
      port: count.min(1).max(65_535).default(9400),
      tlsSecret: existingSecret.describe('A Secret with tls.crt and tls.key: HTTPS instead of HTTP.'),
    })
    .prefault({}),
  drainSeconds: count
    .min(1)
    .max(3600)
    .default(60)
    .describe('How long a stopping process may finish what is in flight (--stop-within).'),
  preStopSeconds: count
    .min(0)
    .max(300)
    .default(5)
    .describe('How long a stopping process still takes calls, until every node knows that it stops.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  scratchSize: quantity
    .default('20Gi')
    .describe('The most that temporary files and the search index of one pod may take. Both can be made again.'),
  volumes: list.default([]).describe('More volumes, such as a file system with media, the same path in each pod.'),
  volumeMounts: list.default([]).describe('Where they are mounted. The root file system stays read-only.'),
  podLabels: labels.default({}),
  podAnnotations: labels.default({}),
  server: z
    .strictObject({
      ...run(['generate']),
      resources: resources({
        requests: { cpu: '2', memory: '3Gi', 'ephemeral-storage': '1Gi' },
        limits: { memory: '6Gi' },
      }),
    })
    .prefault({})
    .describe('Serves the HTTP API behind a Service, and makes the videos.'),
  worker: z
    .strictObject({
      enabled: z.boolean().default(true),
      ...run(['corpus', 'backfill']),
      resources: resources({
        requests: { cpu: '2', memory: '2Gi', 'ephemeral-storage': '1Gi' },
        limits: { memory: '4Gi' },
      }),
    })
    .prefault({})
    .describe('Grows the corpus.'),
  modelServer: z
    .strictObject({
      enabled: z.boolean().default(false),
      image: image('vimi-model-server').describe('Built from infra/docker/Dockerfile.model-server.'),
      replicas: count.min(1).default(1),
      port: count.min(1).max(65_535).default(8000),
      existingClaim: existingSecret.describe(
        'Required when enabled: a PersistentVolumeClaim with the weights; mounted read-only.',
      ),
      folder: z
        .string()
        .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/)
        .default('model')
        .describe('The folder of the model in the claim.'),
      apiKeySecret: existingSecret.describe(
        'Required when enabled: a Secret with the key `key`, which callers must show.',
      ),
      args: z.array(z.string()).default([]).describe('More options, such as --max-frames=81.'),
      resources: resources({
        requests: { cpu: '4', memory: '16Gi', 'ephemeral-storage': '1Gi' },
        limits: { memory: '32Gi', 'nvidia.com/gpu': 1 },
      }),
      ...placement,
    })
    .prefault({})
    .describe('infra/model-server on a GPU.'),
  ingress: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Makes an Ingress before the Service of the server.'),
      className: z.string().default('').describe('Empty: the default class of the cluster.'),
      host: z
        .string()
        .regex(/^$|^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/)
        .default('')
        .describe('Required when enabled: the name by which callers ask.'),
      tlsSecret: existingSecret.describe('A Secret of type kubernetes.io/tls for that name.'),
      annotations: labels
        .default({})
        .describe(
          'For its controller. Event streams and uploads need long time limits, bodies up to 28 MB, and no buffering.',
        ),
    })
    .prefault({}),
  podDisruptionBudget: z
    .strictObject({
      enabled: z.boolean().default(true),
      maxUnavailable: count.min(1).default(1),
    })
    .prefault({}),
  networkPolicy: z
    .strictObject({
      enabled: z.boolean().default(true),
      callers: list
        .default([{ podSelector: {} }])
        .describe('Who may call the HTTP API, as peers of a NetworkPolicy. Default: pods of the same namespace.'),
      scrapers: list
        .default([{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }])
        .describe('Who may read the metrics, which are at the same port. Default: the namespace monitoring.'),
      egress: list
        .default([
          {
            ports: [9092, 9093, 443, 8080].map((port) => ({ port, protocol: 'TCP' })),
          },
        ])
        .describe(
          'Where vimi may connect to, beside DNS and the model server: Kafka, S3 and Weaviate. Narrow it to their addresses.',
        ),
    })
    .prefault({}),
  serviceMonitor: z
    .strictObject({
      enabled: z.boolean().default(false).describe('For the Prometheus operator.'),
      labels: labels.default({}).describe('By which its Prometheus selects it.'),
      interval: z
        .string()
        .regex(/^\d+(ms|s|m)$/)
        .default('15s'),
    })
    .prefault({}),
  prometheusRule: z
    .strictObject({
      enabled: z.boolean().default(false).describe('The alerts of infra/prometheus/alerts.yaml.'),
      labels: labels.default({}),
    })
    .prefault({}),
  dashboard: z
    .strictObject({
      enabled: z.boolean().default(false).describe('A ConfigMap with the dashboard, for the sidecar of Grafana.'),
      labels: labels.default({ grafana_dashboard: '1' }),
    })
    .prefault({}),
  prometheusUrl: z
    .string()
    .default('http://prometheus-operated.monitoring.svc:9090')
    .describe('Where KEDA asks for `vimi_waiting_events`.'),
});
