// SPDX-License-Identifier: Apache-2.0
import Statistics
import Testing

struct KBestTests {
    @Test func `it ends when the K fastest agree`() throws {
        var best = try #require(KBest(count: 3, within: 0.01, limit: 20))
        for value in [130, 100, 180, 100.5] as [Double] {
            best.add(value)
            #expect(!best.isFinished)
        }
        // The three fastest are 100, 100.5 and 130: 30 % apart.
        #expect(abs(try #require(best.spread) - 0.3) < 1e-12)
        best.add(101)
        #expect(best.isConverged && best.isFinished)
        #expect(best.fastest == [100, 100.5, 101])
        #expect(best.runs == 5)
    }

    @Test func `it gives up at its limit, with the best so far`() throws {
        var best = try #require(KBest(count: 2, within: 0.001, limit: 4))
        for value in [4, 3, 2, 1] as [Double] { best.add(value) }
        #expect(best.isFinished && !best.isConverged)
        #expect(best.fastest == [1, 2])
    }

    @Test func `what is set aside counts as a run, not for the result`() throws {
        var best = try #require(KBest(count: 2, within: 0.01, limit: 5))
        best.add(1, setAside: true)
        best.add(2)
        best.add(.nan)
        best.add(2)
        #expect(best.isConverged && best.fastest == [2, 2])
        #expect((best.runs, best.setAside) == (4, 2))
    }

    @Test func `K is from 1 to N, and E is positive`() {
        #expect(KBest(count: 4, within: 0.01, limit: 3) == nil)
        #expect(KBest(count: 0, within: 0.01, limit: 3) == nil)
        #expect(KBest(count: 3, within: 0, limit: 20) == nil)
        #expect(KBest(count: 3, within: .nan, limit: 20) == nil)
    }

    @Test func `zeros agree`() throws {
        var best = try #require(KBest(count: 2, within: 0.01, limit: 5))
        best.add(0)
        best.add(0)
        #expect(best.isConverged)
    }
}

struct DensestClusterTests {
    /// Compensation makes two of these too low; the fastest would be 80.
    @Test func `the luckiest is not the answer`() throws {
        let sample = try #require(Sample([80, 90, 99.8, 100, 100.2, 100.4, 112, 130]))
        let cluster = try #require(DensestCluster(of: sample, within: 0.01))
        #expect(cluster.members == [99.8, 100, 100.2, 100.4])
        #expect(abs(cluster.mean - 100.1) < 1e-9)
        #expect(cluster.share == 0.5)
    }

    @Test func `of two as dense, the narrower`() throws {
        let sample = try #require(Sample([100, 101, 102, 200, 200.5, 201, 150]))
        #expect(DensestCluster(of: sample, within: 0.02)?.members == [200, 200.5, 201])
    }

    @Test func `it works around zero and below`() throws {
        let sample = try #require(Sample([-10, -9.95, -9.9, 0, 30]))
        #expect(DensestCluster(of: sample, within: 0.011)?.members == [-10, -9.95, -9.9])
        #expect(DensestCluster(of: sample, within: 0) == nil)
        let single = try #require(Sample([5]))
        #expect(DensestCluster(of: single)?.mean == 5)
    }
}

struct AmdahlTests {
    /// Bryant and O'Hallaron, third edition, section 1.9.1: 60 % made three times as fast gives 1.67; the
    /// most that it can ever give is 2.5. Practice problem 1.1: 2,500 km, 1,500 of them at 150
    /// rather than 100 km/h: 25 hours become 20.
    @Test func `speed-ups are those of the book`() throws {
        let part = try #require(Amdahl(share: 0.6))
        #expect(abs(try #require(part.speedup(ofPart: 3)) - 1.6667) < 1e-4)
        #expect(abs(part.limit - 2.5) < 1e-12)
        #expect(abs(try #require(part.speedup(ofPart: 1.5)) - 1.25) < 1e-12)
    }

    @Test func `bounds of shares and factors`() {
        #expect(Amdahl(share: 1.1) == nil)
        #expect(Amdahl(share: .nan) == nil)
        #expect(Amdahl(share: 1)?.limit == .infinity)
        #expect(Amdahl(share: 0)?.speedup(ofPart: 100) == 1)
        #expect(Amdahl(share: 0.5)?.speedup(ofPart: 0) == nil)
    }
}
