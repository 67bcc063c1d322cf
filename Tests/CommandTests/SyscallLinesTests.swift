// SPDX-License-Identifier: Apache-2.0
import Testing

extension CommandTests {
    @Suite(.needsKernel) struct SyscallLinesTests {
        /// What only the kernel can tell: files that are in no directory, lists, and what a call wrote.
        @Test(arguments: ["ebpf", "ptrace"])
        func `calls are decoded as strace decodes them`(observer: String) throws {
            let script = """
                import ctypes, fcntl, os, select, termios
                call = ctypes.CDLL(None).syscall
                call(293, 0, 1), call(294, 0), os.open("/proc/self/ns/net", 0)
                os.write(os.memfd_create("mem", 0), b"x")
                fcntl.fcntl(3, fcntl.F_GETFL), call(59, b"/nowhere", (ctypes.c_void_p * 1)(0), 0)
                call(59, b"/nowhere", (ctypes.c_void_p * 2)(8, 0), 0), call(157, 15, b"name")
                ends = os.pipe()
                os.write(ends[1], b"abc"), fcntl.ioctl(ends[0], termios.FIONREAD, b"1234")
                select.select([ends[0]], [], [])
                if os.fork() == 0: os._exit(3)
                os.wait3(0), call(202, ctypes.byref(ctypes.c_int(5)), 1, 2, 3, 4, 5)
                """
            let run = try apus(
                "syscalls", "--observer", observer, "-e",
                "pipe2,inotify_init1,%file,write,fcntl,prctl,ioctl,select,pselect6",
                "-e", "wait4,futex", "--", "/usr/bin/python3", "-c", script)
            let text = run.errorText
            for line in [
                "pipe2(NULL, 0x1) = -1 EINVAL", "inotify_init1(0) = 3<anon_inode:inotify> ",
                #", O_RDONLY|O_CLOEXEC) = 4<net:["#,
                #"write(5</memfd:mem (deleted)>, "x", 1) = 1 "#,
                "fcntl(3<anon_inode:inotify>, F_GETFL) = 0 (flags O_RDONLY) ",
                #"execve("/nowhere", [], NULL) = -1 ENOENT"#, #"execve("/nowhere", [0x8], NULL) = -1 ENOENT"#,
                #"prctl(PR_SET_NAME, "name") = 0 "#, ", FIONREAD, [3]) = 0 ", "(7, [6], NULL, NULL, NULL",
                " = 1 (in [6]) ",
                "[{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, {ru_utime={tv_sec=", ", FUTEX_WAKE, 2) = 0 ",
            ] { #expect(text.contains(line), "\(line)\n\(text.suffix(4000))") }
        }

        /// Calls that the workload `lists` makes, each with the same arguments in every run.
        private static let lists = """
            sched_setaffinity,sched_getaffinity,sigaltstack,pselect6,pipe2,socketpair,sendmsg,recvmsg,poll,ppoll,\
            sendmmsg,recvmmsg,writev,getdents64,nanosleep,execve,rt_sigaction,setitimer,rt_sigreturn,capget,ioctl,\
            sched_getattr,rt_sigpending,fcntl,getsockname
            """

        @Test(.needs(program: "strace"), arguments: ["ebpf", "ptrace", "ptrace-seccomp"])
        func `masks, sets, messages and lists of descriptors are strace's`(observer: String) throws {
            let folder = try TemporaryFolder()
            let command = ["-e", Self.lists, "--", Programs.workload, "lists"]
            let strace = try runCommand(["strace", "-yy", "-o", folder.file("strace")] + command)
            let run = try runCommand(
                [Programs.apus, "syscalls", "--observer", observer, "-o", folder.file("apus")] + command)
            #expect(strace.end == .code(0) && run.end == .code(0), "\(run)")
            let theirs = Self.comparable(try #require(folder.contents(of: "strace")))
            let ours = Self.comparable(try #require(folder.contents(of: "apus")))
            #expect(theirs.count > 10)
            for (ours, theirs) in zip(ours, theirs) { #expect(ours == theirs) }
            #expect(ours.count == theirs.count)
        }

        /// Lines of calls, without what differs from run to run, and without what strace tells more: of devices and
        /// sockets.
        private static func comparable(_ text: String) -> [String] {
            let lines = text.split(separator: "\n").filter { $0.first?.isLetter == true }
            return lines.map { line in
                var line = String(line)
                line.replace(#/ <[0-9.]+>$/#, with: "")
                line.replace(#/ += /#, with: " = ")
                line.replace(#/0x[0-9a-f]+/#, with: "#")
                line.replace(#/<char [0-9:]+>/#, with: "")
                line.replace(#/tv_([nu])sec=[0-9]+/#) { "tv_\($0.1)sec=#" }
                line.replace(#/tv_sec=[0-9]{9,}/#, with: "tv_sec=#")
                line.replace(#/:\[[0-9>-]+\]/#, with: "")
                line.replace(#/pid=[0-9]+/#, with: "pid=#")
                line.replace("SO_TIMESTAMP_OLD", with: "SO_TIMESTAMP")
                // Sets have no files; of long lists the first few have.
                let isLong = line.contains(", ...]")
                // Of what they found we know what is among the first.
                if isLong { line.replace(#/ = 38 \(.*$/#, with: " = 38") }
                if line.hasPrefix("pselect6") || isLong { line.replace(#/<[^>]*>/#, with: "") }
                return line
            }
        }
    }
}
