{{- define "stakewise.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* Labels that select; give (dict "root" $ "component" "operator"). */}}
{{- define "stakewise.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "stakewise.labels" -}}
{{ include "stakewise.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "stakewise.serviceAccount" -}}
{{- default (ternary (include "stakewise.name" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end }}

{{/* An image by digest, or by tag; give (dict "image" … "tag" default). */}}
{{- define "stakewise.imageName" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" .image.repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" .image.repository (required (printf "The image %s needs a tag or a digest." .image.repository) (default .tag .image.tag)) -}}
{{- end -}}
{{- end }}

{{- define "stakewise.operatorImage" -}}
image: {{ include "stakewise.imageName" (dict "image" .Values.image "tag" .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{/* Every pod: one user, no token, the runtime's own filter of system calls. */}}
{{- define "stakewise.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "stakewise.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Variables of every command of the operator. */}}
{{- define "stakewise.vaultEnv" -}}
- name: HOME
  value: /tmp
- name: NETWORK
  value: {{ .Values.network | quote }}
- name: VAULT
  value: {{ .Values.vault | quote }}
- name: REMOTE_DB_URL_FILE
  value: /secrets/database/url
{{- with .Values.database.schema }}
- name: REMOTE_DB_SCHEMA
  value: {{ . | quote }}
{{- end }}
- name: TERMINATION_LOG
  value: /dev/termination-log
{{- end }}

{{- define "stakewise.publicKeyEnv" -}}
{{- with .Values.vaultPublicKey }}
- name: VAULT_PUBLIC_KEY
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* A value as text. Helm reads numbers as floating ones, and writes large ones as 3e+11. */}}
{{- define "stakewise.plainValue" -}}
{{- if kindIs "float64" . -}}{{ int64 . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end }}

{{/* What the operator does for a vault of version 5; only what differs from the program's own defaults. */}}
{{- define "stakewise.stakingEnv" -}}
{{- $variables := dict
  "VALIDATOR_TYPE" .validatorType
  "MAX_VALIDATOR_BALANCE_GWEI" .maxValidatorBalanceGwei
  "MIN_DEPOSIT_AMOUNT_GWEI" .minDepositAmountGwei
  "REMOTE_SIGNER_EXCLUSIVE" (ternary "true" "" .remoteSignerExclusive)
  "DISABLE_VALIDATORS_FUNDING" (ternary "" "true" .funding)
  "DISABLE_WITHDRAWALS" (ternary "" "true" .withdrawals)
  "DISABLE_FULL_WITHDRAWALS" (ternary "" "true" .fullWithdrawals)
  "WITHDRAWALS_INTERVAL" .withdrawalsInterval
  "MAX_WITHDRAWAL_REQUEST_FEE_GWEI" .maxWithdrawalRequestFeeGwei }}
{{- range $name, $value := $variables }}
{{- with (include "stakewise.plainValue" $value) }}
- name: {{ $name }}
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* Names that the status page answers beside localhost and addresses: those of its service, and further ones. */}}
{{- define "stakewise.statusNames" -}}
{{- $page := .Values.operator.statusPage }}
{{- $names := list }}
{{- if $page.service }}
{{- $service := printf "%s-operator-status" (include "stakewise.name" .) }}
{{- $inNamespace := printf "%s.%s" $service .Release.Namespace }}
{{- $names = list $service $inNamespace (printf "%s.svc" $inNamespace) }}
{{- end }}
{{- join "," (concat $names $page.hostAllowlist) }}
{{- end }}

{{/* The database's URL of one role, as a file; give (dict "root" $ "key" …). */}}
{{- define "stakewise.databaseVolume" -}}
- name: database
  secret:
    secretName: {{ required "database.secretName is required: the secret with the URL of the remote database." .root.Values.database.secretName | quote }}
    # 0440: for the pod's own group.
    defaultMode: 288
    items:
      - key: {{ .key | quote }}
        path: url
{{- end }}

{{/* Rules of a network policy that let DNS and databases be reached; give networkPolicy of the values. */}}
{{- define "stakewise.egressToDatabases" -}}
- ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
- ports:
    {{- range .databasePorts }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
  {{- with .databaseTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "stakewise.web3signerUrl" -}}
{{- printf "http://%s-web3signer:%d" (include "stakewise.name" .) (int .Values.web3signer.httpPort) -}}
{{- end }}

{{/* Where pods run: apart from others of their kind, unless told otherwise. */}}
{{- define "stakewise.placement" -}}
{{- with .own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .own.affinity }}
affinity:
  {{- toYaml .own.affinity | nindent 2 }}
{{- else }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "stakewise.selector" (dict "root" .root "component" .component) | nindent 14 }}
{{- end }}
{{- end }}

{{/*
Fails unless each index below the total belongs to exactly one group, and unless no group that runs now has an index that another
group is to get: such an upgrade would start a client before the one that has its keys has stopped.
*/}}
{{- define "stakewise.checkIndexes" -}}
{{- $total := int .Values.validators.total -}}
{{- $owners := dict -}}
{{- range $group, $own := .Values.validators.groups -}}
{{- if has $group (list "operator" "web3signer" "check-plan" "alerts") -}}
{{- fail (printf "validators.groups: %s is the name of another part; choose another one." $group) -}}
{{- end -}}
{{- $start := int $own.indexOffset -}}
{{- range $index := untilStep $start (int (add $start (int $own.count))) 1 -}}
{{- if ge $index $total -}}
{{- fail (printf "validators.groups.%s: index %d is not below validators.total, which is %d." $group $index $total) -}}
{{- end -}}
{{- $key := printf "i%d" $index -}}
{{- with get $owners $key -}}
{{- fail (printf "validators.groups: %s and %s both have index %d: two clients would run the same keys." . $group $index) -}}
{{- end -}}
{{- $_ := set $owners $key $group -}}
{{- end -}}
{{- end -}}
{{- if not .Values.validators.othersElsewhere -}}
{{- range $index := until $total -}}
{{- if not (hasKey $owners (printf "i%d" $index)) -}}
{{- fail (printf "validators.groups: no group has index %d of %d, so nobody would run its keys. Say validators.othersElsewhere if somebody does." $index $total) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $name := include "stakewise.name" . -}}
{{- range $set := (lookup "apps/v1" "StatefulSet" .Release.Namespace "").items -}}
{{- $labels := default dict $set.metadata.labels -}}
{{- if and (eq (default "" (get $labels "app.kubernetes.io/instance")) $.Release.Name) (eq (default "" (get $labels "stakewise/part")) "validators") -}}
{{- $running := max (int $set.spec.replicas) (int (dig "status" "replicas" 0 $set)) -}}
{{- $start := int (dig "spec" "ordinals" "start" 0 $set) -}}
{{- range $index := untilStep $start (int (add $start $running)) 1 -}}
{{- $owner := get $owners (printf "i%d" $index) -}}
{{- if and $owner (ne (printf "%s-%s" $name $owner) $set.metadata.name) -}}
{{- fail (printf "validators.groups: %s gets index %d, which StatefulSet %s still runs. Scale that one to 0 first, wait two epochs, and upgrade then." $owner $index $set.metadata.name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
