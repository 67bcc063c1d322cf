// SPDX-License-Identifier: Apache-2.0
import BPF

/// Observers of this machine that are none of ours.
public enum OtherTracers {
    /// How many BPF programs are attached that run at tracepoints, in functions of the kernel, or on perf events.
    /// This process may have attached some of them. nil without CAP_SYS_ADMIN.
    public static var programs: Int? { Link.tracingCount }
}
