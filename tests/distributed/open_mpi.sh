# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that call mpirun: they may run as root, in more processes than there are cores, without a network.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl=self,vader,tcp OMPI_MCA_mpi_yield_when_idle=1 OMP_PROC_BIND=false
