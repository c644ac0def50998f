/** The application of a guide to Kubernetes: configuration, secret, three replicas with probes and limits, and a service. */
import { healthAppReference } from '../images/images.js';

export const newVersionReference = 'registry.t8s.local/health-app:2';

export const configMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'myapp-config' },
  data: { NODE_ENV: 'production' },
};

export const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'db-secret' },
  stringData: { url: 'postgres://db/app' },
};

export const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'myapp', labels: { app: 'myapp' } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'myapp' } },
    strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: { labels: { app: 'myapp' } },
      spec: {
        containers: [
          {
            name: 'myapp',
            image: healthAppReference,
            imagePullPolicy: 'IfNotPresent',
            ports: [{ containerPort: 3000 }],
            env: [
              { name: 'NODE_ENV', valueFrom: { configMapKeyRef: { name: 'myapp-config', key: 'NODE_ENV' } } },
              { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'db-secret', key: 'url' } } },
            ],
            resources: { requests: { memory: '128Mi', cpu: '100m' }, limits: { memory: '256Mi', cpu: '500m' } },
            livenessProbe: {
              httpGet: { path: '/health', port: 3000 },
              periodSeconds: 1,
              failureThreshold: 2,
              timeoutSeconds: 5,
            },
            readinessProbe: { httpGet: { path: '/ready', port: 3000 }, periodSeconds: 1, timeoutSeconds: 5 },
          },
        ],
      },
    },
  },
};

export const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'myapp-service' },
  spec: {
    type: 'LoadBalancer',
    selector: { app: 'myapp' },
    ports: [{ name: 'http', port: 80, targetPort: 3000, protocol: 'TCP' }],
  },
};
