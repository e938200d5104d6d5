#!/bin/bash
#SBATCH --job-name=citesift --cpus-per-task=4 --mem=2G --requeue
# One shard, the one with the task's number. A task that is started again goes on where it was.
set -euo pipefail
shard=$(ls shards/* | sed -n "${SLURM_ARRAY_TASK_ID}p")
mkdir -p parts
citesift --quiet --threads "${SLURM_CPUS_PER_TASK:-1}" --resume "$shard" -o "parts/$(basename "$shard").ndjson.zst"
