{{/* A Deployment of `vimi run`, its Service and its PodDisruptionBudget; a dict of root and component. */}}
{{- define "vimi.run" -}}
{{- $values := .root.Values -}}
{{- $part := index $values .component -}}
{{- $name := printf "%s-%s" (include "vimi.fullname" .root) .component -}}
{{- $scheme := ternary "HTTPS" "HTTP" (ne $values.http.tlsSecret "") -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "vimi.labels" . | nindent 4 }}
spec:
  {{- if not $part.autoscaling.enabled }}
  replicas: {{ $part.replicas }}
  {{- end }}
  selector:
    matchLabels: {{- include "vimi.selector" . | nindent 6 }}
  strategy:
    type: RollingUpdate
    # A new process takes partitions over before an old one leaves; a partition has one owner at any time.
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  template:
    metadata:
      labels:
        {{- include "vimi.labels" . | nindent 8 }}
        {{- with $values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      annotations:
        # vimi reads the topology at its start: another one makes new pods.
        checksum/topology: {{ include "vimi.topology" .root | sha256sum }}
        {{- with $values.podAnnotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext: {{- include "vimi.podSecurity" . | nindent 8 }}
      # The time to finish, that before it, and a little for the last commit.
      terminationGracePeriodSeconds: {{ add $values.drainSeconds $values.preStopSeconds 15 }}
      {{- include "vimi.placement" $part | nindent 6 }}
      containers:
        - name: vimi
          image: {{ include "vimi.image" (dict "root" .root "image" $values.image) }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            - run
            - --topology=/data/topology.yaml
            - --profile={{ $values.profile }}
            - --log-level={{ $values.logLevel }}
            {{- range $part.pipelines }}
            - --pipeline={{ . }}
            {{- else }}
            - --no-pipelines
            {{- end }}
            - --stop-within={{ $values.drainSeconds }}s
            - --http=0.0.0.0:{{ $values.http.port }}
            {{- if $values.http.tlsSecret }}
            - "--set=profiles.{{ $values.profile }}.server.tls={ cert: /run/secrets/tls/tls.crt, key: /run/secrets/tls/tls.key }"
            {{- end }}
          env:
            - name: VIMI_KEYS
              value: /run/secrets/api-keys/keys.json
            {{- range $key, $value := $values.environment }}
            - name: {{ $key }}
              value: {{ $value | quote }}
            {{- end }}
          {{- with $values.existingSecret }}
          envFrom:
            - secretRef:
                name: {{ . }}
          {{- end }}
          ports:
            - name: http
              containerPort: {{ $values.http.port }}
          # Opening a large index takes its time; HTTP answers before that.
          startupProbe:
            httpGet: { path: /health, port: http, scheme: {{ $scheme }} }
            periodSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /health, port: http, scheme: {{ $scheme }} }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          # 503 while it starts, while a pipeline is paused and while no broker answers. A paused pipeline goes on by itself:
          # so this is no reason to kill the process.
          readinessProbe:
            httpGet: { path: /ready, port: http, scheme: {{ $scheme }} }
            periodSeconds: 5
            timeoutSeconds: 5
          lifecycle:
            preStop:
              exec:
                command: [sleep, {{ $values.preStopSeconds | quote }}]
          resources: {{- toYaml $part.resources | nindent 12 }}
          securityContext: {{- include "vimi.containerSecurity" . | nindent 12 }}
          volumeMounts:
            - { name: scratch, mountPath: /data }
            - { name: topology, mountPath: /data/topology.yaml, subPath: topology.yaml, readOnly: true }
            - { name: tmp, mountPath: /tmp }
            - { name: api-keys, mountPath: /run/secrets/api-keys, readOnly: true }
            {{- if $values.secretFiles }}
            - { name: secret-files, mountPath: /run/secrets/vimi, readOnly: true }
            {{- end }}
            {{- if $values.http.tlsSecret }}
            - { name: tls, mountPath: /run/secrets/tls, readOnly: true }
            {{- end }}
            {{- with $values.volumeMounts }}{{ toYaml . | nindent 12 }}{{ end }}
      volumes:
        - name: scratch
          emptyDir: { sizeLimit: {{ $values.scratchSize | quote }} }
        - name: tmp
          emptyDir: { sizeLimit: {{ $values.scratchSize | quote }} }
        - name: topology
          configMap: { name: {{ include "vimi.fullname" .root }}-topology }
        - name: api-keys
          secret:
            secretName: {{ required "apiKeys.existingSecret: expected a Secret with the key keys.json (vimi keys add NAME; kubectl create secret generic NAME --from-file=.vimi/keys.json): without API keys vimi serves its own machine alone" $values.apiKeys.existingSecret }}
            defaultMode: 0440
        {{- with $values.secretFiles }}
        - name: secret-files
          secret: { secretName: {{ . }}, defaultMode: 0440 }
        {{- end }}
        {{- with $values.http.tlsSecret }}
        - name: tls
          secret: { secretName: {{ . }}, defaultMode: 0440 }
        {{- end }}
        {{- with $values.volumes }}{{ toYaml . | nindent 8 }}{{ end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "vimi.labels" . | nindent 4 }}
spec:
  selector: {{- include "vimi.selector" . | nindent 4 }}
  ports:
    - { name: http, port: {{ $values.http.port }}, targetPort: http }
{{- if $values.podDisruptionBudget.enabled }}
---
{{ include "vimi.disruption" . }}
{{- end }}
{{- end }}

{{- define "vimi.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "vimi.fullname" .root }}-{{ .component }}
  labels: {{- include "vimi.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .root.Values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "vimi.selector" . | nindent 6 }}
{{- end }}

{{- define "vimi.placement" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $ $key }}
{{ $key }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
