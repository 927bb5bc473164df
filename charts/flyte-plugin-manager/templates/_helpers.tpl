{{/* Names, labels and rules that several templates need. configgen/release/ makes the same objects for kustomize. */}}

{{- define "fpm.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "fpm.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fpm.labels" -}}
{{ include "fpm.selector" . }}
app.kubernetes.io/component: controller
app.kubernetes.io/part-of: flyte
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{/* Labels of objects; what the pods carry leaves out what changes with every chart. */}}
{{- define "fpm.objectLabels" -}}
{{ include "fpm.labels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "fpm.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "fpm.name" .) -}}
{{- end -}}

{{- define "fpm.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The configuration's documents as the data of a ConfigMap: the shipped ones, then the values' own. */}}
{{- define "fpm.documents" -}}
{{- $documents := dict -}}
{{- if .Values.shippedConfig -}}
{{- range $path, $_ := .Files.Glob "files/config/*.yaml" -}}
{{- $_ := set $documents (base $path) ($.Files.Get $path) -}}
{{- end -}}
{{- end -}}
{{- range $name, $document := .Values.config -}}
{{- if not $document -}}
{{- $_ := unset $documents $name -}}
{{- else if kindIs "string" $document -}}
{{- $_ := set $documents $name $document -}}
{{- else -}}
{{- $_ := set $documents $name (printf "%s\n" (toYaml $document)) -}}
{{- end -}}
{{- end -}}
{{- if not $documents -}}
{{- fail "config holds no document and shippedConfig is false: the controller would have nothing to read" -}}
{{- end -}}
{{- toYaml $documents -}}
{{- end -}}

{{/* Rules of the watched namespaces: the controller's, each plugin's, the extra ones; each rule once. */}}
{{- define "fpm.taskRules" -}}
{{- $known := .Files.Get "files/rights.yaml" | fromYaml -}}
{{- $rules := $known.tasks -}}
{{- range .Values.rbac.plugins -}}
{{- if not (hasKey $known.plugins .) -}}
{{- fail (printf "rbac.plugins: no plugin %q; known: %s. Rules of other plugins belong into rbac.extraRules" . (keys $known.plugins | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $rules = concat $rules (get $known.plugins .) -}}
{{- end -}}
{{- toYaml (uniq (concat $rules .Values.rbac.extraRules)) -}}
{{- end -}}

{{/* Rules of the controller's own namespace; nothing if there are none. */}}
{{- define "fpm.ownRules" -}}
{{- $known := .Files.Get "files/rights.yaml" | fromYaml -}}
{{- $rules := list -}}
{{- if .Values.leaderElection -}}
{{- $rules = concat $rules $known.leader -}}
{{- end -}}
{{- if and .Values.watchNamespaces (not (has .Release.Namespace .Values.watchNamespaces)) -}}
{{- $rules = concat $rules $known.templates -}}
{{- end -}}
{{- if $rules -}}
{{- toYaml $rules -}}
{{- end -}}
{{- end -}}

{{- define "fpm.subjects" -}}
- kind: ServiceAccount
  name: {{ include "fpm.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* What the pods of controller and webhook have in common. */}}
{{- define "fpm.podSecurity" -}}
{{- with omit .Values.podSecurityContext "runAsNonRoot" "runAsUser" "runAsGroup" "seccompProfile" }}
{{- toYaml . }}
{{ end -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "fpm.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "fpm.placement" -}}
{{- $placed := pick .Values "imagePullSecrets" "priorityClassName" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" -}}
{{- range $name, $value := $placed -}}
{{- if not $value -}}
{{- $placed = omit $placed $name -}}
{{- end -}}
{{- end -}}
{{- if $placed -}}
{{- toYaml $placed -}}
{{- end -}}
{{- end -}}

{{- define "fpm.podEnv" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end -}}

{{- define "fpm.probes" -}}
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  periodSeconds: 5
{{- end -}}

{{- define "fpm.volumes" -}}
- name: config
  configMap:
    name: {{ include "fpm.name" . }}-config
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{- define "fpm.volumeMounts" -}}
- name: config
  mountPath: /etc/flyte-plugin-manager/config
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* The webhook: a name of its own, so that the controller's selectors do not take its pods. */}}
{{- define "fpm.webhookName" -}}
{{ include "fpm.name" . }}-webhook
{{- end -}}

{{- define "fpm.webhookSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-webhook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fpm.webhookLabels" -}}
{{ include "fpm.webhookSelector" . }}
app.kubernetes.io/component: webhook
app.kubernetes.io/part-of: flyte
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "fpm.webhookObjectLabels" -}}
{{ include "fpm.webhookLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The webhook's rules under this name, for the one object that has the webhook's name. */}}
{{- define "fpm.webhookRules" -}}
{{- $rules := list -}}
{{- range get (.root.Files.Get "files/rights.yaml" | fromYaml) .rules -}}
{{- $rules = append $rules (set . "resourceNames" (list (include "fpm.webhookName" $.root))) -}}
{{- end -}}
{{- toYaml $rules -}}
{{- end -}}
