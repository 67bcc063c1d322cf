// SPDX-License-Identifier: Apache-2.0
import CEvents
import Testing
import Tracers

@Suite struct ProfileLayoutTests {
    @Test func `a stack lies as the programs write it`() {
        #expect(MemoryLayout<profile_stack>.offset(of: \.seen_ns) == 16)
        #expect(MemoryLayout<profile_stack>.offset(of: \.pid) == 40)
        #expect(MemoryLayout<profile_stack>.offset(of: \.kernel_frames) == 60)
        #expect(MemoryLayout<profile_stack>.offset(of: \.command) == 64)
        #expect(MemoryLayout<profile_stack>.offset(of: \.frames) == 80)
        #expect(MemoryLayout<profile_cpu>.size == 64 && MemoryLayout<profile_count>.size == 16)
    }
}
