{{- define "vimi.fullname" -}}
{{- if contains "vimi" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-vimi{{ end -}}
{{- end }}

{{/* Labels that select pods; a dict of root and component. They never change, since Kubernetes forbids it. */}}
{{- define "vimi.selector" -}}
app.kubernetes.io/name: vimi
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "vimi.labels" -}}
{{ include "vimi.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "vimi.image" -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* The topology as text: that of the values, else the chart's. */}}
{{- define "vimi.topology" -}}
{{- if .Values.topology }}{{ toYaml .Values.topology }}{{ else }}{{ .Files.Get "files/topology.yaml" }}{{ end -}}
{{- end }}

{{/* The parts that run, of which each has a Deployment. */}}
{{- define "vimi.runs" -}}
server{{ if .Values.worker.enabled }} worker{{ end }}
{{- end }}
