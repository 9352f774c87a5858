"""Which operation is verified on which server: what is asked for, what a run has shown, and the table of both.

``tables`` declares the operations and the columns. A test of the contract says with ``verifies`` which of them it
shows, and the driver's capabilities whether it shows them to work or to be refused; any other test says so with a
marker: ``@pytest.mark.verifies("links: expiry", on="ceph")``. ``evidence`` collects that while the tests run,
``markdown`` writes it, and ``plugin`` compares it with the README when all tests have run.
"""
