{{- define "pdfspider.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "pdfspider.labels" -}}
app.kubernetes.io/name: pdfspider
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "pdfspider.selector" -}}
app.kubernetes.io/name: pdfspider
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pdfspider.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "pdfspider.pod" -}}
serviceAccountName: {{ include "pdfspider.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "pdfspider.container" -}}
image: {{ include "pdfspider.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: data, mountPath: /data}
  - {name: tmp, mountPath: /tmp}
  - {name: secrets, mountPath: /run/secrets/pdfspider, readOnly: true}
{{- end -}}

{{- define "pdfspider.environment" -}}
- {name: PDFSPIDER_REDIS_URL_FILE, value: /run/secrets/pdfspider/redis_url}
- {name: PDFSPIDER_DATABASE_URL_FILE, value: /run/secrets/pdfspider/database_url}
- {name: PDFSPIDER_FILES_STORE, value: {{ .Values.filesStore | quote }}}
{{- if .Values.s3.keysFromSecret }}
- {name: PDFSPIDER_AWS_ACCESS_KEY_ID_FILE, value: /run/secrets/pdfspider/s3_access_key}
- {name: PDFSPIDER_AWS_SECRET_ACCESS_KEY_FILE, value: /run/secrets/pdfspider/s3_secret_key}
{{- end }}
{{- with .Values.s3.endpoint }}
- {name: PDFSPIDER_AWS_ENDPOINT_URL, value: {{ . | quote }}}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: PDFSPIDER_{{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end -}}

{{- define "pdfspider.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
{{- end -}}

{{- define "pdfspider.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end -}}
